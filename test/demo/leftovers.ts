import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { loopsOn, readLoops } from '../host/lab/cleanup.ts';

/** Everything of this machine that still knows a folder: loop devices, mounts, processes, the folder itself. */
export async function leftovers(folder: string): Promise<readonly string[]> {
  const loops = loopsOn(folder, await readLoops()).map(({ name }) => `loop device /dev/${name}`);
  const mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
  const mounts = mountinfo.split('\n').filter((line) => line.includes(folder));
  return [
    ...loops,
    ...mounts.map((line) => `mount ${line.split(' ')[4]}`),
    ...(await processesOf(folder)).map(([pid, command]) => `process ${pid}: ${command}`),
    ...(existsSync(folder) ? [`folder ${folder}`] : []),
  ];
}

/** Processes that were started with the folder among their arguments. */
async function processesOf(folder: string): Promise<readonly (readonly [pid: string, command: string])[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const commands = await Promise.all(
    pids.map(async (pid) => {
      // A process that ended meanwhile is none.
      const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return [pid, text.replaceAll('\0', ' ').trim()] as const;
    }),
  );
  return commands.filter(([, command]) => command.includes(folder));
}
