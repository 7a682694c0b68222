import { NODES } from '../lab/cluster.ts';
import { get } from '../lab/kubectl.ts';
import type { Node } from '../lab/node.ts';

/** The label that volumes are pinned by. */
export async function hostnameOf(name: string): Promise<string> {
  const { metadata } = await get<{ metadata: { labels: Record<string, string> } }>('node', name);
  return metadata.labels['kubernetes.io/hostname'] ?? '';
}

/** A node as the lab made it. */
export function labNode(name: string): Node {
  const node = NODES.find((each) => each.name === name);
  if (node === undefined)
    throw new Error(`No node ${name}: there are ${NODES.map((each) => each.name).join(', ')}`);
  return node;
}
