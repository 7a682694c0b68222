/**
 * Removes the folder of a machine when the process that made it is gone, which is the end of this process's standard
 * input. The machine itself ended with that process.
 */
import { rm } from 'node:fs/promises';

const folder = process.argv[2];
if (folder === undefined) throw new Error('Usage: janitor.ts FOLDER');
for await (const _ of process.stdin);
await rm(folder, { recursive: true, force: true, maxRetries: 10 });
