import { describe, expect, it } from '@jest/globals';
import {
  KERNEL_ROWS,
  type KernelFacts,
  reconcileKernel,
  reconcileVolume,
  VOLUME_ROWS,
  type VolumeFacts,
} from '../../../src/model/reconcile.ts';

const RECORDS = [
  'none',
  'planned',
  'committed',
  'deleted',
] as const satisfies readonly VolumeFacts['record'][];
const DEVICES = ['here', 'away'] as const satisfies readonly VolumeFacts['device'][];
const SLICES = [
  'none',
  'carved',
  'prepared',
  'quarantined',
  'elsewhere',
  'doubled',
] as const satisfies readonly VolumeFacts['slice'][];
const TABLES = ['none', 'entry'] as const satisfies readonly KernelFacts['table'][];
const KERNELS = ['none', 'same', 'smaller', 'other'] as const satisfies readonly KernelFacts['kernel'][];
const USES = ['no', 'yes'] as const satisfies readonly KernelFacts['used'][];

/** Fails to compile when a fact gets a value that is not enumerated here. */
type Left<All, Listed> = [Exclude<All, Listed>] extends [never] ? true : false;
const COMPLETE: readonly true[] = [
  true satisfies Left<VolumeFacts['record'], (typeof RECORDS)[number]>,
  true satisfies Left<VolumeFacts['device'], (typeof DEVICES)[number]>,
  true satisfies Left<VolumeFacts['slice'], (typeof SLICES)[number]>,
  true satisfies Left<KernelFacts['table'], (typeof TABLES)[number]>,
  true satisfies Left<KernelFacts['kernel'], (typeof KERNELS)[number]>,
  true satisfies Left<KernelFacts['used'], (typeof USES)[number]>,
];

const VOLUMES: readonly VolumeFacts[] = RECORDS.flatMap((record) =>
  DEVICES.flatMap((device) => SLICES.map((slice) => ({ record, device, slice }))),
);
const PARTITIONS: readonly KernelFacts[] = TABLES.flatMap((table) =>
  KERNELS.flatMap((kernel) => USES.map((used) => ({ table, kernel, used }))),
);

const fits = (
  when: Readonly<Record<string, readonly string[]>>,
  facts: Readonly<Record<string, string>>,
): boolean => Object.entries(when).every(([fact, values]) => values.includes(facts[fact] ?? ''));

describe('reconcileVolume()', () => {
  it('knows every value of every fact', () => {
    expect(COMPLETE.length + VOLUMES.length + PARTITIONS.length).toBe(6 + 48 + 16);
  });

  it.each(VOLUMES)('has exactly one row for record $record, device $device, slice $slice', (facts) => {
    const rows = VOLUME_ROWS.filter(({ when }) => fits(when, facts));
    expect(rows.map(({ label }) => label)).toEqual([reconcileVolume(facts).label]);
  });

  it.each(VOLUME_ROWS)('reaches $label', ({ label }) => {
    expect(VOLUMES.filter((facts) => reconcileVolume(facts).label === label)).not.toEqual([]);
  });

  it('labels every row once', () => {
    expect(new Set(VOLUME_ROWS.map(({ label }) => label)).size).toBe(VOLUME_ROWS.length);
  });

  it.each<[VolumeFacts['record'], VolumeFacts['device'], VolumeFacts['slice'], string]>([
    ['none', 'here', 'none', 'nothing'],
    ['none', 'here', 'carved', 'serve'],
    ['none', 'here', 'prepared', 'serve'],
    ['none', 'here', 'quarantined', 'nothing'],
    ['planned', 'here', 'none', 'forget'],
    ['planned', 'here', 'carved', 'undo'],
    ['planned', 'here', 'prepared', 'commit'],
    ['planned', 'here', 'quarantined', 'forget'],
    ['planned', 'away', 'none', 'wait'],
    ['committed', 'here', 'none', 'lost'],
    ['committed', 'here', 'carved', 'serve'],
    ['committed', 'here', 'prepared', 'serve'],
    ['committed', 'here', 'quarantined', 'forget'],
    ['committed', 'away', 'none', 'wait'],
    ['committed', 'here', 'elsewhere', 'refuse'],
    ['committed', 'here', 'doubled', 'refuse'],
    ['deleted', 'here', 'none', 'forget'],
    ['deleted', 'here', 'prepared', 'quarantine'],
    ['deleted', 'here', 'quarantined', 'forget'],
    ['deleted', 'away', 'none', 'wait'],
    ['deleted', 'here', 'elsewhere', 'refuse'],
  ])('with record %s, device %s, slice %s decides %s', (record, device, slice, then) => {
    expect(reconcileVolume({ record, device, slice }).decision).toBe(then);
  });
});

describe('reconcileKernel()', () => {
  it.each(PARTITIONS)('has exactly one row for table $table, kernel $kernel, used $used', (facts) => {
    const rows = KERNEL_ROWS.filter(({ when }) => fits(when, facts));
    expect(rows.map(({ label }) => label)).toEqual([reconcileKernel(facts).label]);
  });

  it.each(KERNEL_ROWS)('reaches $label', ({ label }) => {
    expect(PARTITIONS.filter((facts) => reconcileKernel(facts).label === label)).not.toEqual([]);
  });

  it('labels every row once', () => {
    expect(new Set(KERNEL_ROWS.map(({ label }) => label)).size).toBe(KERNEL_ROWS.length);
  });

  it.each<[KernelFacts['table'], KernelFacts['kernel'], KernelFacts['used'], string]>([
    ['none', 'none', 'no', 'nothing'],
    ['entry', 'none', 'no', 'add'],
    ['entry', 'same', 'yes', 'nothing'],
    ['entry', 'smaller', 'yes', 'resize'],
    ['entry', 'other', 'no', 'replace'],
    ['entry', 'other', 'yes', 'refuse'],
    ['none', 'same', 'no', 'drop'],
    ['none', 'same', 'yes', 'refuse'],
  ])('with table %s, kernel %s, used %s decides %s', (table, kernel, used, then) => {
    expect(reconcileKernel({ table, kernel, used }).decision).toBe(then);
  });
});
