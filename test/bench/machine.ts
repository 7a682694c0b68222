import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** What is measured on, in one sentence: `Machine: 2 cores (…), 24 GiB, Linux …, Debian …, Node …; load 0.3 at the start`. */
export async function describeMachine(): Promise<string> {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const debian = (await readFile('/etc/debian_version', 'utf8').catch(() => 'unknown')).trim();
  const software = `Linux ${release()}, Debian ${debian}, Node ${process.version}`;
  const load = `load ${loadavg()[0]?.toFixed(1)} at the start`;
  return `Machine: ${cpus().length} cores (${model}), ${memory}, ${software}; virtual and shared with others, ${load}.`;
}
