/**
 * Cleans a lab up when the process that made it is gone, however it went. Jest never runs a test's
 * `exit` handlers and SIGKILL runs nobody's, so the lab's end is seen from outside: it is the end of
 * this process's standard input. After an orderly end the folder is gone and there is nothing to do.
 */
import { cleanUp } from './cleanup.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('Usage: janitor.ts FOLDER');
for await (const _ of process.stdin);
await cleanUp(folder);
