/** A verdict's reason in the words of docs/design.md; spelled out here so that the gallery needs nothing of the driver. */
export type Reason =
  | 'duplicate identity'
  | 'mounted'
  | 'swap'
  | 'holds another device'
  | 'busy'
  | 'read-only'
  | 'has a partition table'
  | 'has a signature'
  | 'unrecognised data'
  | 'probe failed';

export type Occupation = {
  /** Ends the situation; the disk is free and its bytes are on the image when it returns. */
  release(): Promise<void>;
};

/** One way in which a disk belongs to somebody else. */
export type ForeignKind = {
  /** A noun phrase that completes "refuses …" in a test's title. */
  readonly name: string;
  /** The first reasons that are right, the most precise one first. */
  readonly want: readonly Reason[];
  /** A line of `blkid -p -o export`, `silent` where it sees nothing, `ambivalent` where it sees too much. */
  readonly shows: string;
  /** Writes the disk as a sparse file. Nothing may exist at that path. */
  readonly make: (imagePath: string) => Promise<void>;
  /** The program without which this kind cannot be made. */
  readonly needs?: string;
  /** Puts the attached disk in use. Children live no longer than the caller's process. */
  readonly occupy?: (devicePath: string) => Promise<Occupation>;
  /** Only so many bytes at the start stay as they are while it is in use: the kernel itself writes behind them. */
  readonly keptBytes?: number;
};

/** A signature in a first sector that ends like an MBR's: blkid reports a `dos` table as well, and either reason is right. */
export function bootSector(kind: ForeignKind): ForeignKind {
  return { ...kind, want: ['has a signature', 'has a partition table'] };
}
