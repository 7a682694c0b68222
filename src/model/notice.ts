import type { ArrayStanding } from './array.ts';
import type { Refusal } from './judge.ts';
import type { Uuid } from './uuid.ts';
import type { Claim, FsType } from './volume.ts';

/** What happens, told once; log lines, events and metrics are made from it. */
export type Notice =
  | {
      readonly notice: 'disk-taken';
      readonly disk: string;
      readonly identity: string;
      readonly pool: string;
      readonly mark: Uuid;
    }
  | {
      readonly notice: 'erasing';
      readonly disk: string;
      readonly doneBytes: bigint;
      readonly ofBytes: bigint;
    }
  | {
      readonly notice: 'disk-refused';
      readonly disk: string;
      readonly identity: string | undefined;
      /** Those that match the disk. */
      readonly pools: readonly string[];
      readonly reason: Refusal;
      readonly detail: string;
    }
  | { readonly notice: 'disk-served'; readonly disk: string; readonly pool: string; readonly mark: Uuid }
  | {
      readonly notice: 'disk-gone';
      readonly disk: string;
      readonly identity: string;
      readonly pool: string;
      readonly mark: Uuid;
    }
  /** A person said that nothing new shall be put on it, or that this is over. */
  | {
      readonly notice: 'disk-cordoned' | 'disk-uncordoned';
      readonly disk: string;
      readonly identity: string;
    }
  /** It bears nothing of ours any more. */
  | {
      readonly notice: 'disk-released';
      readonly disk: string;
      readonly identity: string;
      readonly pool: string;
      readonly mark: Uuid;
    }
  /** Nobody can tell which disks are cordoned: nothing new is put on any. */
  | { readonly notice: 'cordons-unread'; readonly why: string }
  /** Once for each change of how an array stands, and what is wrong with it. */
  | {
      readonly notice: `array-${ArrayStanding}`;
      readonly identity: string;
      readonly pool: string;
      readonly what: string;
    }
  | { readonly notice: 'pool-differs'; readonly disk: string; readonly pool: string; readonly what: string }
  | { readonly notice: 'step'; readonly step: string; readonly durationMs: number }
  | { readonly notice: 'step-failed'; readonly step: string; readonly error: string }
  | {
      readonly notice: 'contradiction';
      readonly about: string;
      readonly label: string;
      readonly what: string;
    }
  | {
      readonly notice: 'provisioned';
      readonly handle: Uuid;
      readonly claim: Claim | undefined;
      readonly disk: string;
      readonly identity: string;
      readonly sizeBytes: bigint;
    }
  | {
      readonly notice: 'prepared';
      readonly handle: Uuid;
      readonly claim: Claim | undefined;
      readonly what: FsType | 'zeros';
      readonly durationMs: number;
    }
  | {
      readonly notice: 'expanded';
      readonly handle: Uuid;
      readonly claim: Claim | undefined;
      readonly sizeBytes: bigint;
    }
  | {
      readonly notice: 'quarantined';
      readonly handle: Uuid;
      readonly claim: Claim | undefined;
      readonly disk: string;
      readonly identity: string;
      readonly sizeBytes: bigint;
    }
  | {
      readonly notice: 'sanitizing';
      readonly slice: Uuid;
      readonly doneBytes: bigint;
      readonly ofBytes: bigint;
    }
  | {
      readonly notice: 'sanitized';
      readonly slice: Uuid;
      readonly disk: string;
      readonly identity: string;
      readonly sizeBytes: bigint;
      readonly durationMs: number;
    }
  | {
      readonly notice: 'sanitize-failed';
      readonly slice: Uuid;
      readonly disk: string;
      readonly identity: string;
      readonly error: string;
    }
  | {
      readonly notice: 'data-loss';
      readonly handle: Uuid;
      readonly claim: Claim | undefined;
      readonly reason: string;
      readonly message: string;
    }
  /** Once for each, when it has been without a PersistentVolume for long enough. */
  | {
      readonly notice: 'orphan';
      readonly handle: Uuid;
      /** What CreateVolume was told; undefined when the record is lost. */
      readonly name: string | undefined;
      readonly disk: string;
      readonly identity: string | undefined;
      readonly sizeBytes: bigint;
      readonly wasStaged: boolean;
      readonly isDeletable: boolean;
    }
  | {
      readonly notice: 'hostname';
      readonly hostname: string;
      readonly from: 'label' | 'state directory' | 'node name';
    }
  /** Once, until the API server answers again. */
  | { readonly notice: 'cluster-silent'; readonly lost: 'hostname label' | 'events'; readonly why: string }
  | { readonly notice: 'record-set-aside'; readonly file: string };

export type Notify = (notice: Notice) => void;
