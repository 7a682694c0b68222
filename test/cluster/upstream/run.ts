/**
 * Kubernetes' own storage tests, the External Storage suite, against the driver: on the cluster that is up, or on one
 * that goes with them. `driver.yaml` says what the driver can do; what is skipped is told with its reason.
 *
 *   node test/cluster/upstream/run.ts [FOCUS]     a regular expression, as Ginkgo's
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { requireRoot } from '../../host/lab.ts';
import { parseReport, type Spec } from '../../sanity/report.ts';
import { kubernetesBinary } from '../lab/kubernetes.ts';
import { CONTROL_PLANE, pidOf } from '../lab/machine.ts';
import { KUBECONFIG } from '../lab/place.ts';
import setup from '../setup.ts';
import teardown from '../teardown.ts';
import { bringImages } from './images.ts';

/** Other people's clusters, and tests that take many minutes each. */
const SKIPPED = String.raw`\[Slow\]|\[Disruptive\]|\[Serial\]|\[Feature`;
const LIMIT = '90m';

requireRoot();
const [, , focus = 'External.Storage'] = process.argv;
await setup();
try {
  await bringImages();
  const specs = await runSpecs(focus);
  tell(specs);
  process.exitCode = specs.some(({ ended }) => ended === 'failed') ? 1 : 0;
} finally {
  await teardown();
}

/** The specs that the focus selects and that are not left out by their labels. */
async function runSpecs(wanted: string): Promise<readonly Spec[]> {
  const folder = await mkdtemp(join(tmpdir(), 'e2e-kubernetes-'));
  const report = join(folder, 'report.json');
  try {
    await execa(
      'nsenter',
      [
        ...[`--target=${await pidOf(CONTROL_PLANE)}`, '--net', '--', await kubernetesBinary('e2e.test')],
        ...[`--kubeconfig=${KUBECONFIG}`, `--storage.testdriver=${join(import.meta.dirname, 'driver.yaml')}`],
        ...[`--ginkgo.focus=${wanted}`, `--ginkgo.skip=${SKIPPED}`, `--ginkgo.timeout=${LIMIT}`],
        ...['--ginkgo.no-color', '--ginkgo.succinct', `--ginkgo.json-report=${report}`],
      ],
      // It leaves folders in the temporary one.
      { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', reject: false, env: { TMPDIR: folder } },
    );
    // Those left out by focus and label are no tests of this run.
    return parseReport(await readFile(report, 'utf8')).filter(
      ({ ended, why }) => ended !== 'skipped' || why !== '',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

function tell(specs: readonly Spec[]): void {
  const ended = (how: Spec['ended']): readonly Spec[] => specs.filter((spec) => spec.ended === how);
  for (const { name, why } of ended('failed'))
    console.log(`FAILED ${name}\n    ${why.replaceAll('\n', '\n    ')}`);
  const reasons = ended('skipped').map(({ why }) => why.split('\n').at(-1) ?? '');
  for (const reason of new Set(reasons)) {
    console.log(`skipped ${reasons.filter((each) => each === reason).length}: ${reason}`);
  }
  console.log(
    `${ended('passed').length} passed, ${ended('failed').length} failed, ${ended('skipped').length} skipped`,
  );
}
