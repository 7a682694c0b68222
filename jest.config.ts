import type { Config } from 'jest';

/** One jest project a suite: test/run.ts selects them by name. Types are stripped by Node itself. */
const project = (
  name: string,
  folders = `test/${name}/**`,
): Exclude<NonNullable<Config['projects']>[number], string> => ({
  displayName: name,
  testMatch: [`<rootDir>/${folders}/*.test.ts`],
  testEnvironment: 'node',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
});

const config: Config = {
  // No test passes or fails by the clock of a busy machine; a suite that hangs is ended by test/run.ts.
  testTimeout: 3_600_000,
  projects: [
    ...['unit', 'property', 'host', 'manifests', 'image', 'shipped'].map((name) => project(name)),
    project('vm', 'test/vm'),
    project('vm-lvm', 'test/vm/lvm'),
    project('vm-arrays', 'test/vm/arrays'),
    project('vm-powercut', 'test/vm/powercut'),
    {
      ...project('e2e', 'test/cluster/**'),
      globalSetup: '<rootDir>/test/cluster/setup.ts',
      globalTeardown: '<rootDir>/test/cluster/teardown.ts',
    },
  ],
  reporters: ['default', '<rootDir>/test/cluster/reporter.ts'],
  collectCoverageFrom: ['src/**/*.ts', '!src/csi/gen/**'],
  coverageProvider: 'v8',
};

export default config;
