import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program to its end. For the agent, which would take a second longer to start with a package for it. */
export const runTool = promisify(execFile);
