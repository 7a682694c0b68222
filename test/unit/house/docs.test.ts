import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { variableOf } from '../../../src/cli/arguments.ts';
import { CONTROLLER_OPTIONS } from '../../../src/cli/controller-options.ts';
import { OPTIONS } from '../../../src/cli/options.ts';
import { ERROR_KINDS } from '../../../src/model/errors.ts';
import { REFUSALS } from '../../../src/model/judge.ts';
import { ROOT } from './planted.ts';

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const DOCUMENTS: readonly string[] = [
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].filter((name) => existsSync(join(ROOT, name))),
];

/** Without blocks of code, in which `#` and `](` mean something else. */
const proseOf = (markdown: string): string => markdown.replaceAll(/^```.*?^```$/gms, '');

function headingsOf(markdown: string): readonly string[] {
  return [...proseOf(markdown).matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = '']) => heading);
}

/** As GitHub makes anchors of headings. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');
}

/** Links of a document that lead nowhere. */
function brokenLinks(document: string, markdown: string): readonly string[] {
  const links = [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to);
  return links.filter((link) => !/^(https?|mailto):/.test(link) && !leadsSomewhere(document, markdown, link));
}

function leadsSomewhere(document: string, markdown: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? document : join(dirname(document), path);
  if (path !== '' && !existsSync(join(ROOT, target))) return false;
  if (anchor === undefined) return true;
  const text = path === '' ? markdown : textOf(target);
  return headingsOf(text).map(anchorOf).includes(anchor);
}

/**
 * What a reader has as well: the system's own folders, those that the options name, the image's,
 * and where metrics are served.
 */
const KNOWN_PATHS =
  /^\/(dev|sys|proc|etc)(\/|$)|^\/(run|var\/lib|var\/log)$|^\/(run|var\/lib)\/instance-store-csi(\/|$)|^\/var\/lib\/kubelet(\/|$)|^\/app\/[\w-]+\.mjs$|^\/(metrics|var\/tmp|tmp\/isc-lab-\w+|PATH)$/;

/** Absolute paths that only some machine has. */
function strangePaths(markdown: string): readonly string[] {
  const text = markdown.replaceAll('unix://', ' ').replaceAll(/https?:\/\/\S+/g, '');
  const paths = [...text.matchAll(/(?<![\p{L}\p{N}_./:…*})-])\/[A-Za-z][\w.-]*(?:\/[\w.*-]+)*/gu)].map(
    ([path]) => path.replace(/\.$/, ''),
  );
  return paths.filter((path) => !KNOWN_PATHS.test(path));
}

/** Names of the members of `type HealthReason`, which exists for the compiler only. */
function healthReasons(): readonly string[] {
  const union = /export type HealthReason =([^;]*);/.exec(textOf('src/model/errors.ts'))?.[1] ?? '';
  return [...union.matchAll(/'(\w+)'/g)].map(([, reason = '']) => reason);
}

/** Every key that the configuration's schema knows. */
function configurationKeys(): readonly string[] {
  const schema =
    /\nconst match = .*\nexport const DEFAULT_PATH/s.exec(textOf('src/cli/configuration.ts'))?.[0] ?? '';
  return [...schema.matchAll(/(?:^ +|\{ |, )(\w+): (?=v\.|text,|size,|oneOf\()/gm)].map(
    ([, key = '']) => key,
  );
}

function sectionOf(markdown: string, title: string): string {
  return (
    markdown
      .split(/^## /m)
      .find((section) => section.startsWith(`${title}\n`))
      ?.slice(title.length) ?? ''
  );
}

describe('docs/troubleshooting.md', () => {
  const entries = (title: string): readonly string[] =>
    headingsOf(sectionOf(textOf('docs/troubleshooting.md'), title));

  it('has an entry for each reason of a verdict, in their order, and no other', () => {
    expect(entries('Why a disk is refused')).toEqual([...REFUSALS]);
  });

  it('has an entry for each error kind, and no other', () => {
    expect(entries('Errors').toSorted()).toEqual(ERROR_KINDS.map((kind) => `\`${kind}\``).toSorted());
  });

  it('has an entry for each reason of volume health, and no other', () => {
    expect(healthReasons()).toContain('DiskAway');
    expect(entries('Volume and storage health').toSorted()).toEqual(healthReasons().toSorted());
  });
});

describe('docs/design.md', () => {
  const design = textOf('docs/design.md');

  it('lists the reasons of a verdict in the order in which they are named', () => {
    const rows = [...sectionOf(design, 'Verdicts').matchAll(/^\| \d+ \| ([^|]+) \|/gm)].map(
      ([, reason]) => reason,
    );
    expect(rows).toEqual([...REFUSALS]);
  });

  it('names the gRPC code of each error kind', () => {
    const table = sectionOf(design, 'Errors');
    expect(ERROR_KINDS.filter((kind) => !table.includes(`\`${kind}\``))).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  const operations = textOf('docs/operations.md');

  it('names each option, and how its variable is called', () => {
    const options = Object.keys({ ...OPTIONS, ...CONTROLLER_OPTIONS });
    expect(options.filter((name) => !operations.includes(`\`--${name}\``))).toEqual([]);
    expect(operations).toContain(variableOf('state-dir'));
  });

  it('names each variable that others set for an option', () => {
    const described = [...Object.values(OPTIONS), ...Object.values(CONTROLLER_OPTIONS)];
    const aliases = described.flatMap(({ alias }) => alias ?? []);
    expect(aliases.filter((alias) => !operations.includes(alias))).toEqual([]);
  });

  it('names each key of the configuration in a row of its own', () => {
    expect(configurationKeys()).toEqual(expect.arrayContaining(['eraseAndTake', 'found', 'pools', 'preset']));
    expect(configurationKeys().filter((key) => !operations.includes(`\n| \`${key}\` |`))).toEqual([]);
  });
});

describe.each(DOCUMENTS)('%s', (document) => {
  it('has only links that lead somewhere', () => {
    expect(brokenLinks(document, textOf(document))).toEqual([]);
  });

  it('names no path that only some machine has', () => {
    expect(strangePaths(textOf(document))).toEqual([]);
  });
});

describe('the checks of documents', () => {
  it('find links to missing files and to missing headings', () => {
    const text =
      '# A `b`\n[1](#a-b) [2](#c) [3](operations.md) [4](none.md) [5](operations.md#none) [6](https://example.org)';
    expect(brokenLinks('docs/planted.md', text)).toEqual(['#c', 'none.md', 'operations.md#none']);
  });

  it('find the path of a machine, and let the known ones be', () => {
    const text =
      'In /home/ann/disks and `/work/x`, not /dev/sda, a/b, unix:///run/instance-store-csi/csi.sock';
    expect(strangePaths(text)).toEqual(['/home/ann/disks', '/work/x']);
  });
});
