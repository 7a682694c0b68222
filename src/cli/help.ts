import { optionLines } from './arguments.ts';
import { CONTROLLER_PURPOSE } from './controller-options.ts';
import { COMMANDS, type Command, OPTIONS } from './options.ts';

const PURPOSE: { readonly [C in Command]: string } = {
  node: 'serve CSI on this node: discover, take, carve, mount, wipe',
  status: 'pools, disks with verdicts, volumes, capacity, what is being sanitized',
  plan: 'the steps that the driver would take now, and why it leaves the rest alone; writes nothing',
  why: 'everything that is known of one disk or volume, and what to do about it',
  cordon: 'nothing new is put on a disk; its volumes are served, may grow and may be deleted',
  uncordon: 'a disk that was cordoned is used again, or taken again if it is blank',
  release: 'gives a disk without volumes back: takes our mark off, and leaves it cordoned',
};

/** It is a bundle of its own, with options of its own. */
const CONTROLLER = [`  ${'controller'.padEnd(12)}${CONTROLLER_PURPOSE}; controller --help`];

const READING = [
  'status, plan and why read by themselves, with or without a driver running. They want root, and the',
  "driver's own options. Exit code 0: answered; 2: what was asked is wrong; 1: it could not be done.",
  '',
];

const ASKING = [
  'cordon, uncordon and release ask the driver that runs on this node, through driver.sock in its state directory.',
  'DISK is a path, a kernel name or an identity. A cordon outlives restarts and reboots; it goes by the identity of',
  'the disk. release cordons the disk itself, and refuses one with volumes, or with deleted ones that are still being',
  'sanitized, and names them.',
  '',
];

const ARGUMENT: { readonly [C in Command]: string } = {
  node: '',
  status: '',
  plan: '',
  why: ' DISK-OR-VOLUME',
  cordon: ' DISK',
  uncordon: ' DISK',
  release: ' DISK --yes',
};

const NOTES: { readonly [C in Command]: readonly string[] } = {
  node: [],
  status: READING,
  plan: READING,
  why: READING,
  cordon: ASKING,
  uncordon: ASKING,
  release: ASKING,
};

/** `--help`, for the whole program or for one command. */
export function helpText(command: Command | undefined): string {
  const commands = command === undefined ? COMMANDS : [command];
  return [
    command === undefined
      ? 'instance-store-csi: the CSI driver for the local disks of a node'
      : `instance-store-csi ${command}: ${PURPOSE[command]}`,
    '',
    `Usage: instance-store-csi ${command ?? 'COMMAND'}${command === undefined ? '' : ARGUMENT[command]} [OPTIONS]`,
    '',
    ...(command === undefined
      ? ['Commands:', ...commands.map((name) => `  ${name.padEnd(12)}${PURPOSE[name]}`), ...CONTROLLER, '']
      : []),
    'Options, with the variables that may stand for them:',
    ...Object.entries(OPTIONS)
      .filter(([, option]) => option.commands.some((name) => commands.includes(name)))
      .flatMap(([name, option]) => optionLines(name, option)),
    '  --help, --version',
    '',
    ...(command === undefined ? [...READING, ...ASKING] : NOTES[command]),
  ].join('\n');
}
