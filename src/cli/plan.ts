import { describeStep } from '../model/step.ts';
import { planDisks, planMappings } from '../pools/plan.ts';
import { planVolumes, reconcileVolumes } from '../volumes/reconcile.ts';
import type { Report, Situation } from './situation.ts';
import {
  cordonOfOurs,
  disksOf,
  isLeft,
  marksHere,
  row,
  section,
  shownSlices,
  verdictInWords,
} from './view.ts';

/** `plan`: the very steps that the driver would run now, and the disks that it would leave alone. */
export function planReport(situation: Situation): Report {
  const seen = shownSlices(situation);
  const findings = reconcileVolumes(situation.records, seen, marksHere(situation));
  const steps = [
    ...planDisks(situation.look),
    ...situation.arrays.steps,
    ...situation.owned.flatMap(({ device, mappings }) => planMappings(device, mappings)),
    ...planVolumes(findings, seen, situation.records),
  ];
  const left = disksOf(situation).flatMap((looked) => {
    const { disk, verdict } = looked;
    const cordon = cordonOfOurs(situation, looked);
    const words = cordon === undefined ? '' : `, ${cordon}`;
    const isAlone = verdict.is === 'refused' || cordon !== undefined || isLeft(situation, looked);
    return isAlone ? [{ disk: disk.path, verdict: `${verdictInWords(situation, looked)}${words}` }] : [];
  });
  return {
    lines: [
      ...section(
        'Steps',
        steps.map((step, at) => row(`${at + 1}.`, describeStep(step))),
        'nothing to do',
      ),
      ...section(
        'Left alone',
        left.map(({ disk, verdict }) => row(disk, verdict)),
        'no disk',
      ),
    ],
    value: {
      steps: steps.map((step) => ({ kind: step.kind, because: step.because, text: describeStep(step) })),
      leftAlone: left,
    },
  };
}
