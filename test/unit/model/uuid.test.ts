import { describe, expect, it } from '@jest/globals';
import {
  guidFromBytes,
  guidToBytes,
  handleFor,
  isHandleOf,
  parseUuid,
  uuid,
} from '../../../src/model/uuid.ts';

const DRIVER = 'instance-store.csi.dev';

describe('handleFor()', () => {
  const handle = handleFor(DRIVER, 'node-a', 'pvc-1');

  it('never changes for one driver, node and name: the handle is on disks', () => {
    expect(handle).toBe('27075d67-3e79-8aa5-bff2-66a37a131396');
  });

  it('is a UUID of version 8 and the variant of RFC 9562', () => {
    expect(handle).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it.each([
    ['name', DRIVER, 'node-a', 'pvc-2'],
    ['node', DRIVER, 'node-b', 'pvc-1'],
    ['driver', 'other.csi.dev', 'node-a', 'pvc-1'],
    ['split between node and name', DRIVER, 'node-', 'apvc-1'],
    ['name with a newline', DRIVER, 'node-a', 'pvc-1\n'],
  ])('differs for another %s', (_what, driver, node, name) => {
    expect(handleFor(driver, node, name)).not.toBe(handle);
  });

  it.each([
    ['another name of this node', DRIVER, 'node-a', 'pvc-2', true],
    ['the same name on another node', DRIVER, 'node-b', 'pvc-1', false],
    ['the same name of another driver', 'other.csi.dev', 'node-a', 'pvc-1', false],
  ])('begins the same for %s: isHandleOf() tells whose it is', (_what, driver, node, name, same) => {
    const other = handleFor(driver, node, name);
    expect(other.slice(0, 13) === handle.slice(0, 13)).toBe(same);
    expect(isHandleOf(other, DRIVER, 'node-a')).toBe(same);
  });
});

describe('parseUuid()', () => {
  it('reads any case as lower case', () => {
    expect(parseUuid('0E3B39C1-2084-47FA-A09C-553E1B1DBBC3')).toBe('0e3b39c1-2084-47fa-a09c-553e1b1dbbc3');
  });

  it.each([
    '',
    '0e3b39c1208447faa09c553e1b1dbbc3',
    '0e3b39c1-2084-47fa-a09c-553e1b1dbbc',
    '0e3b39c1-2084-47fa-a09c-553e1b1dbbc3\n',
    ' 0e3b39c1-2084-47fa-a09c-553e1b1dbbc3',
    '{0e3b39c1-2084-47fa-a09c-553e1b1dbbc3}',
    '0g3b39c1-2084-47fa-a09c-553e1b1dbbc3',
    '../../../../etc/passwd',
  ])('does not take %j for a UUID', (text) => {
    expect(parseUuid(text)).toBeUndefined();
    expect(() => uuid(text)).toThrow(TypeError);
  });
});

describe('guidToBytes()', () => {
  const guid = uuid('00112233-4455-6677-8899-aabbccddeeff');

  it('stores the first three groups little-endian, as UEFI does', () => {
    expect(Buffer.from(guidToBytes(guid)).toString('hex')).toBe('33221100554477668899aabbccddeeff');
  });

  it('is undone by guidFromBytes()', () => {
    expect(guidFromBytes(guidToBytes(guid))).toBe(guid);
  });
});
