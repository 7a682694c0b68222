import { inspect } from 'node:util';
import { it } from '@jest/globals';
import { kubectl } from '../lab/kubectl.ts';
import { DRIVER_NAMESPACE } from './driver.ts';
import { Namespace } from './namespace.ts';

/** What the driver says of disks that are not the cluster's: the kernel shows it every loop device of the machine. */
const OF_OTHERS = /"pools":\[\],"reason"/;

/** A test with a namespace of its own. When it fails, what the cluster tells about it is part of the failure. */
export function scenario(name: string, body: (namespace: Namespace) => Promise<void>): void {
  it(name, async () => {
    const namespace = await Namespace.create();
    try {
      await body(namespace);
    } catch (error) {
      console.error(`${name}: ${inspect(error)}\n${await story(namespace)}`);
      throw error;
    } finally {
      await namespace.delete();
    }
  });
}

/** What a person would look at. */
async function story(namespace: Namespace): Promise<string> {
  const questions = [
    [`--namespace=${namespace.name}`, 'get', 'pods,pvc', '--output=wide'],
    ['get', 'pv,nodes', '--output=wide'],
    [`--namespace=${namespace.name}`, 'get', 'events', '--sort-by=.metadata.creationTimestamp'],
    [`--namespace=${DRIVER_NAMESPACE}`, 'get', 'pods,csistoragecapacities', '--output=wide'],
    [
      ...[`--namespace=${DRIVER_NAMESPACE}`, 'logs', '--prefix', '--since=2m', '--tail=-1'],
      ...['--selector=app.kubernetes.io/name=instance-store-csi', '--container=instance-store-csi'],
    ],
  ];
  const answers = questions.map(async (question) => {
    const answer = await kubectl(...question).catch(String);
    const lines = answer.split('\n').filter((line) => !OF_OTHERS.test(line));
    return `$ kubectl ${question.join(' ')}\n${lines.join('\n')}\n`;
  });
  return (await Promise.all(answers)).join('\n');
}
