import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseMountinfo, parseSwaps } from '../../src/host/proc.ts';
import { DriverError } from '../../src/model/errors.ts';

/** As the kernel does (fs/proc_namespace.c: blanks, tabs, newlines, backslashes and hashes). */
function escaped(path: string): string {
  const octal = (char: string) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;
  return path.replaceAll(/[ \t\n\\#]/g, octal);
}

const path = fc
  .array(
    fc.oneof(fc.constantFrom(' ', '\t', '\n', '\\', '#', '-', 'ü', '040'), fc.string({ unit: 'grapheme' })),
  )
  .map(
    (parts) =>
      `/${parts
        .join('')
        .replaceAll('\0', '')
        .replaceAll(/[\v\f\r\u2028\u2029]/g, '')}`,
  )
  .filter((made) => !made.endsWith('//deleted'));

describe('parseMountinfo()', () => {
  it('gives back any target, root and source that the kernel has escaped', () => {
    fc.assert(
      fc.property(path, path, path, fc.boolean(), (root, target, source, deleted) => {
        const shown = `${escaped(root)}${deleted ? '//deleted' : ''}`;
        const line = `36 35 98:0 ${shown} ${escaped(target)} rw,noatime master:1 - xfs ${escaped(source)} rw\n`;
        expect(parseMountinfo(line)).toMatchObject([{ root, rootDeleted: deleted, target, source }]);
      }),
    );
  });
});

describe.each([
  { what: 'parseMountinfo()', parse: parseMountinfo },
  { what: 'parseSwaps()', parse: parseSwaps },
])('$what', ({ parse }) => {
  it('understands any text or says that it is unknown', () => {
    const words = fc.constantFrom('36', '98:0', '/', '-', 'xfs', 'rw', '\n', '\\777', '\\04');
    const text = fc.array(fc.oneof(words, fc.string()), { maxLength: 30 }).map((all) => all.join(' '));
    fc.assert(
      fc.property(text, (made) => {
        try {
          parse(made);
        } catch (error) {
          expect(error).toBeInstanceOf(DriverError);
        }
      }),
    );
  });
});
