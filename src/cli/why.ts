import { DriverError } from '../model/errors.ts';
import { isCalled } from '../model/match.ts';
import { parseUuid } from '../model/uuid.ts';
import type { Report, Situation } from './situation.ts';
import { disksOf } from './view.ts';
import { whyDisk } from './why-disk.ts';
import { whyVolume } from './why-volume.ts';

/** `why DISK-OR-VOLUME`: all that is known of one, and what a person can do. */
export async function whyReport(situation: Situation, subject: string): Promise<Report> {
  const disks = disksOf(situation);
  const looked = disks.find(({ disk }) => isCalled(disk, subject));
  if (looked !== undefined) return whyDisk(situation, looked);
  const handle = parseUuid(subject);
  if (handle !== undefined) return whyVolume(situation, handle);
  const named = situation.records.find(({ name }) => name === subject);
  if (named !== undefined) return whyVolume(situation, named.handle);
  const paths = disks.map(({ disk }) => disk.path).join(', ');
  throw new DriverError(
    'not-found',
    `"${subject}" is neither a disk of this node (${paths}) nor a volume handle or name`,
  );
}
