import type { Config } from 'jest';

/** One jest project a suite: test/run.ts selects them by name. Types are stripped by Node itself. */
const project = (name: string): NonNullable<Config['projects']>[number] => ({
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
});

const config: Config = {
  // No test passes or fails by the clock of a busy machine; a suite that hangs is ended by test/run.ts.
  testTimeout: 600_000,
  projects: [project('unit'), project('property'), project('host'), project('shipped')],
  collectCoverageFrom: ['src/**/*.ts', '!src/csi/gen/**'],
  coverageProvider: 'v8',
};

export default config;
