/**
 * Kubernetes' own storage tests, the External Storage suite, against the driver: on the cluster that is up, or on one
 * that goes with them. `driver.yaml` says what the driver can do; what is skipped is told with its reason.
 *
 *   node test/cluster/upstream/run.ts [--write] [FOCUS]
 *
 * FOCUS is a regular expression, as Ginkgo's. --write keeps the result of a run without one in docs/conformance.md.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { requireRoot } from '../../host/lab.ts';
import { parseReport, type Spec } from '../../sanity/report.ts';
import { kubernetesBinary, kubernetesVersion } from '../lab/kubernetes.ts';
import { CONTROL_PLANE, pidOf } from '../lab/machine.ts';
import { KUBECONFIG, ROOT } from '../lab/place.ts';
import setup from '../setup.ts';
import teardown from '../teardown.ts';
import { documentOf, isLeftOut, skipsOf, summaryOf } from './document.ts';
import { bringImages } from './images.ts';
import { LEFT_OUT, labelOf } from './left-out.ts';

const SUITE = 'External Storage';
const LIMIT = '150m';

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [focus] = positionals;
if (values.write && focus !== undefined) throw new Error('--write is for a run of the whole suite');
requireRoot();
await setup();
try {
  await bringImages();
  const specs = await runSpecs(focus ?? SUITE);
  tell(specs);
  if (values.write) await write(specs);
  process.exitCode = specs.some(({ ended }) => ended === 'failed') ? 1 : 0;
} finally {
  await teardown();
}

/** All specs of the suite: those that ran, and those that were left out. */
async function runSpecs(wanted: string): Promise<readonly Spec[]> {
  const folder = await mkdtemp(join(tmpdir(), 'e2e-kubernetes-'));
  const report = join(folder, 'report.json');
  const skipped = Object.keys(LEFT_OUT).map((label) => label.replaceAll(/[[\]]/g, String.raw`\$&`));
  try {
    await execa(
      'nsenter',
      [
        ...[`--target=${await pidOf(CONTROL_PLANE)}`, '--net', '--', await kubernetesBinary('e2e.test')],
        ...[`--kubeconfig=${KUBECONFIG}`, `--storage.testdriver=${join(import.meta.dirname, 'driver.yaml')}`],
        ...[`--ginkgo.focus=${wanted}`, `--ginkgo.skip=${skipped.join('|')}`, `--ginkgo.timeout=${LIMIT}`],
        ...['--ginkgo.no-color', '--ginkgo.succinct', '--ginkgo.silence-skips'],
        `--ginkgo.json-report=${report}`,
      ],
      // It leaves folders in the temporary one.
      { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit', reject: false, env: { TMPDIR: folder } },
    );
    return parseReport(await readFile(report, 'utf8')).filter(
      ({ name, ended }) => name.startsWith(SUITE) || ended === 'failed',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

function tell(specs: readonly Spec[]): void {
  for (const { name, why } of specs.filter(({ ended }) => ended === 'failed'))
    console.log(`FAILED ${name}\n    ${why.replaceAll('\n', '\n    ')}`);
  for (const [count, why] of skipsOf(specs)) console.log(`skipped ${count}: ${why}`);
  console.log(summaryOf(specs));
}

/** @throws when the run was cut short */
async function write(specs: readonly Spec[]): Promise<void> {
  const missed = specs.filter((spec) => isLeftOut(spec) && labelOf(spec.name) === undefined);
  if (missed.length > 0) throw new Error(`Not written: ${missed.length} specs were to run and did not`);
  const date = new Date().toISOString().slice(0, 10);
  const document = documentOf({ version: await kubernetesVersion(), date, specs });
  await writeFile(join(ROOT, 'docs/conformance.md'), document);
}
