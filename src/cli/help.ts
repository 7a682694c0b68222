import { optionLines } from './arguments.ts';
import { CONTROLLER_PURPOSE } from './controller-options.ts';
import { COMMANDS, type Command, OPTIONS } from './options.ts';

const PURPOSE: { readonly [C in Command]: string } = {
  node: 'serve CSI on this node: discover, take, carve, mount, wipe',
  status: 'pools, disks with verdicts, volumes, capacity, what is being sanitized',
  plan: 'the steps that the driver would take now, and why it leaves the rest alone; writes nothing',
  why: 'everything that is known of one disk or volume, and what to do about it',
};

/** It is a bundle of its own, with options of its own. */
const CONTROLLER = [`  ${'controller'.padEnd(12)}${CONTROLLER_PURPOSE}; controller --help`];

const READING = [
  'status, plan and why read by themselves, with or without a driver running. They want root, and the',
  "driver's own options. Exit code 0: answered; 2: what was asked is wrong; 1: it could not be done.",
  '',
];

/** `--help`, for the whole program or for one command. */
export function helpText(command: Command | undefined): string {
  const commands = command === undefined ? COMMANDS : [command];
  const argument = command === 'why' ? ' DISK-OR-VOLUME' : '';
  return [
    command === undefined
      ? 'instance-store-csi: the CSI driver for the local disks of a node'
      : `instance-store-csi ${command}: ${PURPOSE[command]}`,
    '',
    `Usage: instance-store-csi ${command ?? 'COMMAND'}${argument} [OPTIONS]`,
    '',
    ...(command === undefined
      ? ['Commands:', ...commands.map((name) => `  ${name.padEnd(12)}${PURPOSE[name]}`), ...CONTROLLER, '']
      : []),
    'Options, each with the variable that may stand for it:',
    ...Object.entries(OPTIONS)
      .filter(([, option]) => option.commands.some((name) => commands.includes(name)))
      .flatMap(([name, option]) => optionLines(name, option)),
    '  --help, --version',
    '',
    ...(command === 'node' ? [] : READING),
  ].join('\n');
}
