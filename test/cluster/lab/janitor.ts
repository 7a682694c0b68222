/** Ends the cluster when the process that is to end it is gone: that is the end of this process's standard input. */
import { down } from './cluster.ts';

for await (const _ of process.stdin);
await down();
