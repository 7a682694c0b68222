/**
 * `make demo`: a volume's whole life on loop disks, played against the shipped driver over gRPC. Prints what was
 * asked and what then stands on the disk; leaves nothing behind, after Ctrl-C neither.
 * Exit code 0: all is as it should be. 1: a step is not. 130: interrupted.
 */
import { release } from 'node:os';
import { VERSION } from '../../src/cli/version.ts';
import { Lab } from '../host/lab.ts';
import { capacityBack, deleteAndSanitize, foreignUntouched, takeDown } from './after.ts';
import { setUpDisks, takeDisks, tellVerdicts } from './before.ts';
import { configuration } from './disks.ts';
import { leftovers } from './leftovers.ts';
import { create, expand, killAndStart, publish, readBack, stage, stats, writeFile } from './life.ts';
import { Page, shownMs } from './page.ts';
import { Play } from './play.ts';

async function main(): Promise<number> {
  if (process.getuid?.() !== 0)
    return complain('root is needed, to attach loop disks and mount: sudo make demo');
  // Zeroing takes real room, and /tmp is memory on Debian 13.
  process.env.TMPDIR ??= '/var/tmp';
  const page = new Page(process.stdout, process.env);
  const startedAtMs = performance.now();
  const signal = stopSignal();
  const lab = await Lab.create();
  page.line(`instance-store-csi ${VERSION}: a volume's life. Node ${process.version}, Linux ${release()}.`);
  page.line(`All of it happens in ${lab.folder}, below shown as …\n`);
  const play = new Play(lab, page, signal);
  const error = await playLife(play).catch((failure: unknown) => failure);
  const told = error === undefined || signal.aborted ? [] : await play.complaints();
  const left = await cleanUp(play);
  if (left.length > 0) return complain(`it left behind: ${left.join(', ')}`);
  if (signal.aborted) return complain('interrupted; nothing is left behind', 130);
  if (error !== undefined) return complain([(error as Error).message, ...told].join('\n'));
  page.line();
  page.say('left behind  nothing: no loop device, no mount, no process, no file (looked for)');
  page.say(
    `all in all   ${page.count()} steps in ${shownMs(performance.now() - startedAtMs)}, all as they should be`,
  );
  return 0;
}

async function playLife(play: Play): Promise<void> {
  const disks = await setUpDisks(play);
  await tellVerdicts(play, disks);
  const capacityBytes = await takeDisks(play, disks);
  const volume = await create(
    play,
    disks.filter(({ foreign }) => !foreign).map(({ path }) => path),
  );
  await stage(play, volume);
  const target = await publish(play, volume);
  const sha256 = await writeFile(play, target);
  await stats(play, volume);
  await killAndStart(play, target, configuration(disks));
  await readBack(play, volume, target, sha256);
  await expand(play, volume, target);
  await takeDown(play, volume);
  await deleteAndSanitize(play, volume);
  await capacityBack(play, capacityBytes);
  await foreignUntouched(play, disks);
}

/** Ends the driver, undoes the lab, and tells what is there all the same. */
async function cleanUp(play: Play): Promise<readonly string[]> {
  const failed: string[] = [];
  const note = (error: unknown): void => void failed.push((error as Error).message);
  await play.stopDriver().catch(note);
  await play.lab[Symbol.asyncDispose]().catch(note);
  return [...failed, ...(await leftovers(play.lab.folder))];
}

/** Ctrl-C and its like only ask: what is under way ends, then all is undone; a second Ctrl-C changes nothing. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  // Whoever read the output has gone, as `head` does.
  process.stdout.on('error', stop);
  return controller.signal;
}

function complain(what: string, code = 1): number {
  process.stderr.write(`demo: ${what}\n`);
  return code;
}

process.exitCode = await main().catch((error: unknown) => complain((error as Error).message));
