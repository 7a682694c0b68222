import type { DeviceMark } from '../model/mark.ts';
import type { Step } from '../model/step.ts';
import type { DriverContext } from './context.ts';
import { makeGroup } from './group.ts';
import { addPartition, dropPartition, resizePartition } from './kernel.ts';
import type { Looked } from './look.ts';
import { releaseDisk } from './release.ts';
import { writeTable } from './table.ts';
import { eraseAndTakeDisk, eraseDisk, takeDisk } from './take.ts';

/** @returns the mark as it is now, when the step changed it */
export async function runDiskStep(
  context: DriverContext,
  step: Step,
  { disk, verdict }: Looked,
  mark: DeviceMark | undefined,
): Promise<DeviceMark | undefined> {
  const table = verdict.is === 'member' ? verdict.mark.table : mark?.table;
  const entry = 'number' in step ? table?.entries.find(({ number }) => number === step.number) : undefined;
  switch (step.kind) {
    case 'take':
      return takeDisk(context, disk, step.pool);
    case 'eraseAndTake':
      return eraseAndTakeDisk(context, disk, step.pool);
    case 'eraseDisk':
      return eraseDisk(context, disk, step.pool).then(() => undefined);
    case 'release':
      if (verdict.is === 'releasing') await releaseDisk(context, disk, verdict.note);
      return undefined;
    case 'rewriteTable':
      if (table !== undefined) await writeTable(context.exec, disk, table);
      return undefined;
    case 'addPartition':
      if (entry !== undefined) await addPartition(context.exec, disk, entry);
      return undefined;
    case 'resizePartition':
      if (entry !== undefined) await resizePartition(context.exec, disk, entry);
      return undefined;
    case 'dropPartition':
      return dropPartition(context.exec, disk, step.number).then(() => undefined);
    case 'makeGroup':
      return mark === undefined ? undefined : makeGroup(context.exec, disk, mark);
    default:
      throw new TypeError(`${step.kind} is no step of a disk`);
  }
}
