/**
 * Measures speed and memory of the shipped bundle, side by side with the bare tools, and prints tables.
 *
 *   node test/bench/bench.ts [--quick] [--write]
 *
 * --quick takes few samples: to see that it works, not what it says. --write keeps the result in docs/benchmarks.md.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { requireRoot } from '../host/lab.ts';
import { measureBreakdown } from './breakdown.ts';
import { measureCrowd } from './crowd.ts';
import { type Section, tableOf } from './figures.ts';
import { measureLives } from './lives.ts';
import { describeMachine } from './machine.ts';
import { measureMemory } from './memory.ts';
import { measureStart } from './start.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/benchmarks.md');

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});
if (values.quick && values.write) throw new Error('--quick figures are not worth keeping: leave out --write');
requireRoot();
const samples = values.quick
  ? { pairs: 2, lives: 2, starts: 2, calls: 2_000 }
  : { pairs: 15, lives: 5, starts: 15, calls: 50_000 };

const MEASUREMENTS: readonly (() => Promise<Section | readonly Section[]>)[] = [
  () => measureStart(samples.starts),
  () => measureLives(samples.pairs),
  () => measureBreakdown(samples.lives),
  () => measureCrowd(samples.pairs),
  () => measureMemory(samples.calls),
];

const lines = await headLines();
console.log(lines.join('\n'));
for (const measure of MEASUREMENTS) {
  const measured = [await measure()].flat().flatMap(tableOf);
  console.log(measured.join('\n'));
  lines.push(...measured);
}
if (values.write) await writeFile(DOCUMENT, `${lines.join('\n').trimEnd()}\n`);

async function headLines(): Promise<string[]> {
  return [
    '# Benchmarks',
    '',
    `\`make bench\` on ${new Date().toISOString().slice(0, 10)}; \`node test/bench/bench.ts --write\` rewrites this page.`,
    '',
    await describeMachine(),
    'Loop devices on sparse files of ext4. Times are noisy, so compare the two columns of one run with each other, and',
    'with no other run.',
    '',
  ];
}
