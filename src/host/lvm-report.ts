import type { Group, LogicalVolume, Run } from '../model/group.ts';
import type { HostCommand, HostResult } from './exec.ts';
import { confined, type PhysicalVolume, SYSTEM_ID } from './lvm.ts';

/**
 * What LVM's metadata say of one physical volume: a row for each run of extents, with the volume that has it, if any.
 * All there is to know is in one report, and of one moment.
 */

const FIELDS = [
  'vg_name',
  'vg_uuid',
  'vg_seqno',
  'vg_systemid',
  'vg_extent_size',
  'vg_extent_count',
  'pv_count',
  'pe_start',
  'pvseg_start',
  'pvseg_size',
  'lv_name',
  'lv_uuid',
  'lv_size',
  'lv_tags',
] as const;
type Row = { readonly [F in (typeof FIELDS)[number]]: string };

/** Some 500 bytes a row, and a volume may lie in many places. */
const OUTPUT_BYTES_MAX = 16 * 1024 ** 2;

export function reportCommand(on: PhysicalVolume): HostCommand {
  const format = ['--segments', '--reportformat', 'json', '--units', 'b', '--nosuffix'];
  const args = ['pvs', on.path, ...format, '--options', FIELDS.join(',')];
  return { ...confined(on, args), outputBytesMax: OUTPUT_BYTES_MAX };
}

export type GroupReading =
  | { readonly is: 'group'; readonly group: Group }
  | { readonly is: 'other'; readonly why: string };

/** The group of this name; anything that is not wholly understood is something else, in words. */
export function parseReport({ stdout }: Pick<HostResult, 'stdout'>, name: string): GroupReading {
  const rows = rowsOf(stdout);
  const first = rows?.[0];
  if (rows === undefined || first === undefined) return other('a report that is none');
  if (first.vg_name === '') return other('a physical volume of no group');
  if (first.vg_name !== name) return other(`the volume group ${first.vg_name}`);
  if (first.vg_systemid !== SYSTEM_ID) return other(`system id "${first.vg_systemid}", want ${SYSTEM_ID}`);
  if (first.pv_count !== '1') return other(`${first.pv_count} physical volumes, want 1`);
  const group = groupOf(first, rows);
  return group === undefined ? other('a report that is not understood') : { is: 'group', group };
}

const other = (why: string): GroupReading => ({ is: 'other', why });

function rowsOf(stdout: Uint8Array): readonly Row[] | undefined {
  try {
    const { report } = JSON.parse(Buffer.from(stdout).toString('utf8')) as { report: { pvseg: Row[] }[] };
    const rows = report.flatMap(({ pvseg }) => pvseg);
    return rows.every((row) => FIELDS.every((field) => typeof row[field] === 'string')) ? rows : undefined;
  } catch {
    return undefined;
  }
}

function groupOf(first: Row, rows: readonly Row[]): Group | undefined {
  const numbers = [first.vg_seqno, first.vg_extent_size, first.vg_extent_count, first.pe_start];
  const sizes = rows.flatMap((row) => [row.pvseg_start, row.pvseg_size, row.lv_size]);
  if (![...numbers, ...sizes].every((text) => /^[0-9]{1,19}$/.test(text))) return undefined;
  return {
    uuid: first.vg_uuid,
    seqno: BigInt(first.vg_seqno),
    extentBytes: BigInt(first.vg_extent_size),
    extents: BigInt(first.vg_extent_count),
    dataStartBytes: BigInt(first.pe_start),
    volumes: volumesOf(rows),
    free: rows.filter(({ lv_name }) => lv_name === '').map(runOf),
  };
}

function runOf({ pvseg_start, pvseg_size }: Row): Run {
  return { start: BigInt(pvseg_start), count: BigInt(pvseg_size) };
}

function volumesOf(rows: readonly Row[]): readonly LogicalVolume[] {
  const volumes = rows
    .filter(({ lv_name }) => lv_name !== '')
    .map(
      (row): LogicalVolume => ({
        name: row.lv_name,
        uuid: row.lv_uuid,
        sizeBytes: BigInt(row.lv_size),
        tags: row.lv_tags === '' ? [] : row.lv_tags.split(','),
      }),
    );
  return [...new Map(volumes.map((volume) => [volume.uuid, volume])).values()];
}
