import { dismiss } from '../host/lab/guard.ts';
import { down } from './lab/cluster.ts';

export default async function teardown(): Promise<void> {
  if (globalThis.clusterJanitor === undefined) return;
  await down();
  await dismiss(globalThis.clusterJanitor);
}
