import type { Answer } from './answer.ts';
import { type DiskNote, decodeNote } from './note.ts';

/**
 * What a person said of a disk, kept in the state directory by the disk's identity: nothing new is to be put on it.
 * `releasing`: it is being given back, and its mark with this note goes. `released`: the mark is gone; the cordon keeps
 * a disk that is blank from being taken at once.
 */
export type Cordon = { readonly since: string } & (
  | { readonly state: 'cordoned' | 'released' }
  | { readonly state: 'releasing'; readonly written: WrittenNote }
);

/** A note, and its text as it stands on the disk, checksum included: the same note may have been written in another order. */
export type WrittenNote = { readonly note: DiskNote; readonly text: string };

/** By identity. */
export type Cordons = ReadonlyMap<string, Cordon>;

export function encodeCordons(cordons: Cordons): string {
  const disks = Object.fromEntries(
    [...cordons].map(([identity, cordon]) => [
      identity,
      cordon.state === 'releasing' ? { ...cordon, written: cordon.written.text } : cordon,
    ]),
  );
  return `${JSON.stringify({ formatVersion: 1, disks }, undefined, 2)}\n`;
}

/** Undefined for anything that is not wholly what was written: then nobody knows which disks are cordoned. */
export function decodeCordons(text: string): Cordons | undefined {
  let raw: { readonly formatVersion?: unknown; readonly disks?: unknown } | null;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (raw?.formatVersion !== 1 || typeof raw.disks !== 'object' || raw.disks === null) return undefined;
  const cordons = new Map<string, Cordon>();
  for (const [identity, one] of Object.entries(raw.disks)) {
    const cordon = cordonFrom(one);
    if (cordon === undefined) return undefined;
    cordons.set(identity, cordon);
  }
  return cordons;
}

function cordonFrom(raw: Readonly<Record<string, unknown>> | null): Cordon | undefined {
  const { since, state, written } = raw ?? {};
  if (typeof since !== 'string') return undefined;
  if (state === 'cordoned' || state === 'released') return { since, state };
  if (state !== 'releasing' || typeof written !== 'string') return undefined;
  const found = writtenNote(Buffer.from(written));
  return found && { since, state, written: found };
}

/** What stands where a note would be; undefined for anything but a whole note of a single disk. */
export function writtenNote(bytes: Uint8Array): WrittenNote | undefined {
  const reading = decodeNote(bytes);
  if (reading.is !== 'note' || reading.note.array !== 'none') return undefined;
  return { note: reading.note, text: Buffer.from(bytes).toString('utf8').replace(/\0.*$/s, '') };
}

/** Why nothing new is put on the disk; undefined when nobody said so. */
export function cordonInWords(cordon: Answer<Cordon>): string | undefined {
  switch (cordon.is) {
    case 'absent':
      return undefined;
    case 'unknown':
      return `whether it is cordoned is not known: ${cordon.why}`;
    case 'present':
      return WORDS[cordon.value.state](cordon.value.since);
  }
}

const WORDS: { readonly [S in Cordon['state']]: (since: string) => string } = {
  cordoned: (since) => `cordoned since ${since}`,
  releasing: (since) => `its release was begun at ${since} and has not ended`,
  released: (since) => `released, and cordoned since ${since}`,
};
