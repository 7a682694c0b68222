import { type Figure, median, ms, type Section, timed, times } from './figures.ts';
import { Rig } from './rig.ts';

const MIB = 1024n ** 2n;
const CROWD = 100;
const RATIO_MAX = 1.2;
const POOLS = ['lonely', 'crowded'] as const;

/** CreateVolume beside 100 volumes against CreateVolume beside one, in turn, on equal disks. */
export async function measureCrowd(pairs: number): Promise<Section> {
  await using rig = await Rig.create(POOLS.map((name) => ({ name, sizeBytes: 2048n * MIB })));
  await rig.start();
  await create(rig, 'lonely', 'first');
  for (let at = 0; at < CROWD; at += 1) await create(rig, 'crowded', `first-${at}`);
  const times: Record<(typeof POOLS)[number], number[]> = { lonely: [], crowded: [] };
  for (let at = 0; at <= pairs; at += 1) {
    for (const pool of POOLS) {
      const free = (await rig.player.capacity({ pool })).availableBytes;
      let id = '';
      const took = await timed(async () => {
        id = await create(rig, pool, `measured-${at}`);
      });
      if (at > 0) times[pool].push(took);
      await rig.player.delete(id);
      await rig.untilFree(pool, free);
    }
  }
  return {
    title: `CreateVolume in a crowd (medians of ${pairs} alternating pairs)`,
    figures: [figureOf(median(times.crowded), median(times.lonely))],
  };
}

async function create(rig: Rig, pool: string, name: string): Promise<string> {
  const wanted = { name: `${pool}-${name}`, sizeBytes: MIB, access: 'block', parameters: { pool } } as const;
  return (await rig.player.create(wanted)).id;
}

function figureOf(crowded: number, lonely: number): Figure {
  const ratio = crowded / lonely;
  return {
    what: `CreateVolume with ${CROWD} volumes on the disk`,
    value: ms(crowded),
    compared: `${ms(lonely)} with 1: ${times(ratio)}`,
    goal: {
      text: `<= ${times(RATIO_MAX)}`,
      met: ratio <= RATIO_MAX,
      cause:
        "the table's 256 entries are encoded, compared and checked twice by an interpreter; " +
        'sfdisk gets the whole table as text and checks each line against all others',
    },
  };
}
