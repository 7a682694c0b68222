import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from '@jest/globals';
import { type Random, randomFrom } from '../../shipped/concurrency/random.ts';
import { readJournal, underWay } from '../guest/powercut/journal.ts';
import type * as Powercut from '../guest/powercut.ts';
import type { Disk } from '../lab/disk.ts';
import { Machine } from '../lab/machine.ts';
import { isAll } from '../lab/scope.ts';

/** `make vm-powercut` asks for more. What is printed as SEED repeats the times of the cuts, and what they leave. */
const CUTS = Number(process.env.CUTS || 3);
const SEED = Number(process.env.SEED || Date.now() % 2 ** 31);

const GIB = 1024n ** 3n;
/** After the driver was asked to start, and after its judgement. In seconds of this machine. */
const STARTING_MS = 15_000;
const LIVING_MS = 60_000;
const JOURNAL_LINES = 40;

/** What a pool is made of. VM_ALL=1 cuts through lvm as well, which does not stand it yet: docs/powercuts.md. */
const AXES: readonly Axis[] = [
  { name: 'none × partition', pool: { carving: 'partition' } },
  { name: 'none × lvm', pool: { carving: 'lvm' } },
];

type Axis = { readonly name: string; readonly pool: Readonly<Record<string, unknown>> };

/** `bare` is not sanitized, so that what a tenant left is there for the next; `spare` is given back and taken again. */
const POOLS = { ZEROED: { sanitize: 'zero' }, BARE: { sanitize: 'none' }, SPARE: {} };

function configOf({ pool }: Axis): object {
  const pools = Object.entries(POOLS).map(([serial, own]) => ({
    name: serial.toLowerCase(),
    disks: { match: [{ serial }], minSize: '64Mi' },
    ...own,
    ...(serial === 'SPARE' ? {} : pool),
  }));
  return { apiVersion: 'instance-store.csi.dev/v1alpha1', kind: 'DriverConfiguration', pools };
}

function makeDisks(machine: Machine): Promise<readonly Disk[]> {
  const of = { sizeBytes: GIB, kind: { is: 'virtio' }, writeCache: true } as const;
  return Promise.all(Object.keys(POOLS).map((serial) => machine.disk({ serial, ...of })));
}

function spareOf(machine: Machine, disks: readonly Disk[]): string {
  const spare = disks.find(({ serial }) => serial === 'SPARE');
  if (spare === undefined) throw new Error('no disk is the spare one');
  return machine.pathOf(spare);
}

/** @throws what the work throws before the power fails. @returns how many writes were not flushed */
async function cutDuring(
  machine: Machine,
  work: Promise<unknown>,
  afterMs: number,
  random: Random,
): Promise<number> {
  await Promise.race([work.then(() => sleep(afterMs)), sleep(afterMs)]);
  work.catch(() => undefined);
  return machine.cutPower(random.next);
}

/** What became of a run, for the document that keeps its figures. */
class Tally {
  readonly #journal: string;
  #cuts = 0;
  #unflushed = 0;
  readonly #judged = { volumes: 0, chunks: 0, deletions: 0 };
  readonly #underWay = new Map<string, number>();

  constructor(journal: string) {
    this.#journal = journal;
  }

  judged({ volumes, chunks, deletions }: Powercut.Judged): void {
    this.#judged.volumes += volumes;
    this.#judged.chunks += chunks;
    this.#judged.deletions += deletions;
  }

  cut(unflushed: number): void {
    this.#cuts += 1;
    this.#unflushed += unflushed;
    const journal = readJournal(this.#journal);
    const slots = new Set(journal.flatMap((entry) => ('doing' in entry ? [entry.doing.slot] : [])));
    const begun = [...slots].flatMap((slot) => underWay(journal, slot) ?? []);
    for (const what of begun.length > 0 ? begun : ['nothing']) count(this.#underWay, what);
  }

  lines(): readonly string[] {
    const answered = new Map<string, number>();
    for (const entry of readJournal(this.#journal))
      if (entry.is === 'answered') count(answered, entry.doing.what);
    const { volumes, chunks, deletions } = this.#judged;
    return [
      `${this.#cuts} cuts, ${this.#unflushed} writes not flushed when the power failed`,
      `answered: ${inWords(answered)}`,
      `under way at the cuts: ${inWords(this.#underWay)}`,
      `judged: ${volumes} volumes, ${chunks} fsyncs, ${deletions} deletions`,
    ];
  }
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

function inWords(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, times]) => `${what} ${times}`).join(', ');
}

async function liveThroughCuts(machine: Machine, axis: Axis, tally: Tally): Promise<void> {
  const random = randomFrom(SEED);
  const life = await machine.module<typeof Powercut>(new URL('../guest/powercut.ts', import.meta.url));
  const disks = await makeDisks(machine);
  const boot = () => machine.boot(disks.toSorted(() => random.next() - 0.5));
  const begin = (emptied: boolean) => life.begin(configOf(axis), spareOf(machine, disks), emptied);
  for (let cut = 0; cut < CUTS; cut += 1) {
    await boot();
    const judging = begin(random.chance(0.5));
    const isEarly = random.chance(0.25);
    if (!isEarly) tally.judged(await judging);
    const work = isEarly ? judging : life.play(spareOf(machine, disks), random.int(0, 2 ** 30));
    tally.cut(await cutDuring(machine, work, random.int(0, isEarly ? STARTING_MS : LIVING_MS), random));
  }
  await boot();
  tally.judged(await begin(true));
  await machine.shutDown();
}

/** @throws what the work throws, with the end of the journal */
async function withJournal(journal: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const lines = readFileSync(journal, 'utf8').split('\n').slice(-JOURNAL_LINES);
    (error as Error).message += `\nThe end of the journal:\n${lines.join('\n')}`;
    throw error;
  }
}

describe.each(isAll ? AXES : AXES.slice(0, 1))('the power fails on $name', (axis) => {
  it(`${CUTS} times at random moments, and what was answered before holds after: SEED=${SEED}`, async () => {
    await using machine = await Machine.create();
    const journal = join(machine.share, 'journal');
    const tally = new Tally(journal);
    await withJournal(journal, liveThroughCuts(machine, axis, tally));
    process.stdout.write(`${[`${axis.name}, SEED=${SEED}`, ...tally.lines()].join('\n')}\n`);
  });
});
