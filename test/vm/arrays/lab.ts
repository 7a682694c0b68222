import { setTimeout as sleep } from 'node:timers/promises';
import type { Made, Wanted } from '../../player/player.ts';
import type * as Node from '../guest/node.ts';
import type { Disk } from '../lab/disk.ts';
import { Machine, type Remote } from '../lab/machine.ts';

export const MIB = 1024n ** 2n;
const DATA_BYTES = 2 * 1024 * 1024;
const POLL_MS = 500;
const NOTICED_TIMEOUT_MS = 4 * 60_000;
/** How the driver's health names an array. */
const ARRAY = /md:\S+ of pool/g;

export type Level = 'raid0' | 'raid1' | 'raid10';

/** What `status` tells machines of an array. */
type Shown = {
  readonly array: string;
  readonly level: Level;
  readonly disk?: string;
  readonly stands: string;
  readonly what: string;
  readonly members: readonly { readonly disk?: string; readonly state: string }[];
};

type Status = {
  readonly disks: readonly { readonly disk: string; readonly verdict: string }[];
  readonly arrays: readonly Shown[];
};

/** A pool of these disks by their serial numbers, whatever the kernel calls them. */
export function pool(array: Level | 'none', disks: readonly Disk[], count = 1) {
  const match = disks.map(({ serial }) => ({ serial }));
  const many = array === 'none' ? {} : { count, settle: '1s' };
  return { name: array, disks: { match, minSize: '64Mi', ...many }, array };
}

export const configuration = (...pools: readonly object[]): object => ({
  apiVersion: 'instance-store.csi.dev/v1alpha1',
  kind: 'DriverConfiguration',
  pools,
});

/** A machine with the shipped driver, and volumes that know what was written to them. */
export class ArrayLab {
  readonly machine: Machine;
  readonly node: Remote<typeof Node>;
  readonly volumes: Made[] = [];

  private constructor(machine: Machine, node: Remote<typeof Node>) {
    this.machine = machine;
    this.node = node;
  }

  static async create(): Promise<ArrayLab> {
    const machine = await Machine.create();
    const module = new URL('../guest/node.ts', import.meta.url);
    return new ArrayLab(machine, await machine.module<typeof Node>(module));
  }

  disks(serials: readonly string[], sizeBytes: bigint): Promise<readonly Disk[]> {
    return Promise.all(
      serials.map((serial) => this.machine.disk({ serial, sizeBytes, kind: { is: 'nvme' } })),
    );
  }

  async status(): Promise<Status> {
    return (await this.node.report('status')) as Status;
  }

  async array(level: Level): Promise<Shown | undefined> {
    return (await this.status()).arrays.find((one) => one.level === level);
  }

  /**
   * Until so many arrays are unwell, for this reason, as the driver's health tells: it notices by itself, in a look or
   * two. Cheaper than `status`, which looks anew.
   */
  async until(count: number, reason: 'ArrayDegraded' | 'MemberMissing' | '' = ''): Promise<void> {
    for (const deadline = Date.now() + NOTICED_TIMEOUT_MS; ; await sleep(POLL_MS)) {
      const told = await this.node.storageHealth();
      // One message tells of all that are unwell for the same reason.
      const unwell = told.filter((one) => one.includes(reason)).flatMap((one) => one.match(ARRAY) ?? []);
      if (unwell.length === count) return;
      if (Date.now() > deadline) throw new Error([...told, await this.node.log()].join('\n'));
    }
  }

  /** Until all arrays are well, and the driver has room on one of them: it serves what it has assembled a moment later. */
  async untilServed(): Promise<void> {
    await this.until(0);
    await this.node.untilAvailable(1n);
  }

  async verdictOf(disk: Disk): Promise<string | undefined> {
    const path = this.machine.pathOf(disk);
    return (await this.status()).disks.find((one) => one.disk === path)?.verdict;
  }

  /** Out of the running machine. */
  async pull(disk: Disk): Promise<void> {
    const name = this.machine.pathOf(disk).replace('/dev/', '');
    await this.machine.sh(`echo 1 >/sys/block/${name}/device/device/remove`);
  }

  /** All that were pulled. */
  async plugIn(): Promise<void> {
    await this.machine.sh('echo 1 >/sys/bus/pci/rescan');
  }

  async make(wanted: Wanted): Promise<Made> {
    const made = await this.node.create(wanted);
    await this.use(made);
    await this.node.write(made, DATA_BYTES);
    this.volumes.push(made);
    return made;
  }

  private async use(made: Made): Promise<void> {
    await this.node.stage(made);
    await this.node.publish(made);
  }

  /** All volumes, staged or not; and takes writes. */
  async expectServed(): Promise<void> {
    for (const made of this.volumes) {
      await this.use(made);
      await this.node.expectWritten(made, DATA_BYTES);
      await this.node.write(made, DATA_BYTES);
    }
  }

  async leaveAll(): Promise<void> {
    for (const made of this.volumes) {
      await this.node.unpublish(made);
      await this.node.unstage(made);
    }
  }

  async shutDown(): Promise<void> {
    await this.leaveAll();
    await this.node.stop();
    await this.machine.shutDown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}
