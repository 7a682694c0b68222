import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { GRPC_CODE } from '../../src/csi/code.ts';
import type { CreateVolumeRequest } from '../../src/csi/gen/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../src/csi/gen/csi/v1/VolumeCapability.ts';
import { DriverError, ERROR_KINDS } from '../../src/model/errors.ts';
import type { Readiness } from '../../src/volumes/api.ts';
import { Controller, type Face, Identity, Node, TOPOLOGY, withFace } from './csi-face/face.ts';
import { MARK, type Seen, volumesInMemory } from './csi-face/volumes.ts';

/** A real gRPC server and real clients over a Unix socket; only the volumes behind it are in memory. */

const XFS: VolumeCapability = { mount: { fs_type: 'xfs' }, access_mode: { mode: 'SINGLE_NODE_WRITER' } };
const SHARED: VolumeCapability = { ...XFS, access_mode: { mode: 'MULTI_NODE_MULTI_WRITER' } };

function createVolume(face: Face, name: string, more: CreateVolumeRequest = {}) {
  return face.ask(Controller.CreateVolume, { name, volume_capabilities: [XFS], ...more });
}

describe('Identity', () => {
  it('says who we are and what we advertise', () =>
    withFace({}, async (face) => {
      const info = await face.ask(Identity.GetPluginInfo, {});
      expect(info).toMatchObject({ name: 'instance-store.csi.dev', vendor_version: '0.1.0' });
      const { capabilities } = await face.ask(Identity.GetPluginCapabilities, {});
      expect(capabilities.map((one) => one.service?.type ?? one.volume_expansion?.type)).toEqual([
        'CONTROLLER_SERVICE',
        'VOLUME_ACCESSIBILITY_CONSTRAINTS',
        'ONLINE',
      ]);
    }));

  it('probes ready, starting and failed apart', async () => {
    let readiness: Readiness = { is: 'ready' };
    await withFace({ instead: { ready: () => readiness } }, async (face) => {
      expect(await face.ask(Identity.Probe, {})).toEqual({ ready: { value: true } });
      readiness = { is: 'starting', why: 'looking at disks' };
      expect(await face.ask(Identity.Probe, {})).toEqual({ ready: { value: false } });
      readiness = { is: 'failed', why: 'no sfdisk here' };
      expect(await face.refused(Identity.Probe, {})).toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: expect.stringContaining('no sfdisk here'),
      });
    });
  });
});

describe('the listener of calls', () => {
  it('is told each answer once, with method, code and time', () =>
    withFace({}, async (face) => {
      await face.ask(Identity.Probe, {});
      await face.refused(Node.NodeGetVolumeHealth, { volume_id: '' });
      expect(face.told()).toEqual([
        { method: 'Probe', code: 'OK', durationMs: expect.any(Number) },
        { method: 'NodeGetVolumeHealth', code: 'INVALID_ARGUMENT', durationMs: expect.any(Number) },
      ]);
      expect(face.told().every(({ durationMs }) => durationMs > 0 && durationMs < 60_000)).toBe(true);
    }));
});

describe('capabilities', () => {
  it('of Controller and Node are those that the contract lists', () =>
    withFace({}, async (face) => {
      const ours = await face.ask(Controller.ControllerGetCapabilities, {});
      expect(ours.capabilities.map(({ rpc }) => rpc?.type)).toEqual([
        'CREATE_DELETE_VOLUME',
        'GET_CAPACITY',
        'LIST_VOLUMES',
        'SINGLE_NODE_MULTI_WRITER',
      ]);
      const theirs = await face.ask(Node.NodeGetCapabilities, {});
      expect(theirs.capabilities.map(({ rpc }) => rpc?.type)).toEqual([
        'STAGE_UNSTAGE_VOLUME',
        'GET_VOLUME_STATS',
        'EXPAND_VOLUME',
        'SINGLE_NODE_MULTI_WRITER',
        'GET_VOLUME_HEALTH',
        'GET_STORAGE_HEALTH',
      ]);
    }));

  it('that are not ours are UNIMPLEMENTED in words, and in the log', () =>
    withFace({}, async (face) => {
      const answers = [
        await face.refused(Controller.ControllerPublishVolume, { volume_id: 'x' }),
        await face.refused(Controller.ControllerExpandVolume, { volume_id: 'x' }),
        await face.refused(Controller.CreateSnapshot, { name: 'x' }),
        await face.refused(Controller.ControllerGetVolumeHealth, { volume_id: 'x' }),
      ];
      expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 'UNIMPLEMENTED'));
      expect(answers[1]?.message).toMatch(/NodeExpandVolume/);
      expect(face.calls()).toHaveLength(answers.length);
    }));
});

describe('Controller', () => {
  it('CreateVolume answers handle, size, context and this node', () =>
    withFace({}, async (face) => {
      const { volume } = await createVolume(face, 'a', {
        capacity_range: { required_bytes: '9007199254740993' },
      });
      expect(volume).toMatchObject({
        volume_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        capacity_bytes: '9007199254740993',
        volume_context: { pool: 'fast', mark: MARK, machine: 'machine-1' },
        accessible_topology: [{ segments: TOPOLOGY }],
      });
    }));

  it('CreateVolume for another node is RESOURCE_EXHAUSTED, and nothing is made', async () => {
    const seen: Seen[] = [];
    await withFace({ volumes: volumesInMemory({}, seen) }, async (face) => {
      const accessibility_requirements = {
        requisite: [{ segments: { 'kubernetes.io/hostname': 'node-b' } }],
      };
      const request = { name: 'a', volume_capabilities: [XFS], accessibility_requirements };
      expect(await face.refused(Controller.CreateVolume, request)).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
      });
    });
    expect(seen).toEqual([]);
  });

  it('nothing is made before the hostname is known', async () => {
    const seen: Seen[] = [];
    const topology = (): never => {
      throw new DriverError('not-ready', 'the Node has no kubernetes.io/hostname label yet');
    };
    await withFace({ volumes: volumesInMemory({}, seen), topology }, async (face) => {
      const request = { name: 'a', volume_capabilities: [XFS] };
      const wanted = { code: 'UNAVAILABLE', message: expect.stringContaining('kubernetes.io/hostname') };
      expect(await face.refused(Controller.CreateVolume, request)).toMatchObject(wanted);
      expect(await face.refused(Node.NodeGetInfo, {})).toMatchObject(wanted);
    });
    expect(seen).toEqual([]);
  });

  it('ValidateVolumeCapabilities confirms, declines in words, and knows no unknown volume', () =>
    withFace({}, async (face) => {
      const { volume } = await createVolume(face, 'a');
      const volume_id = volume?.volume_id ?? '';
      const yes = await face.ask(Controller.ValidateVolumeCapabilities, {
        volume_id,
        volume_capabilities: [XFS],
        parameters: { pool: 'fast' },
        volume_context: { mark: MARK },
      });
      expect(yes.confirmed).toMatchObject({
        volume_capabilities: [
          { access_type: 'mount', mount: { fs_type: 'xfs' }, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
        ],
        parameters: { pool: 'fast' },
        volume_context: { mark: MARK },
      });
      const no = await face.ask(Controller.ValidateVolumeCapabilities, {
        volume_id,
        volume_capabilities: [SHARED],
      });
      expect(no).toEqual({ confirmed: null, message: expect.stringContaining('network filesystem') });
      const unknown = { volume_id: 'x', volume_capabilities: [SHARED] };
      expect(await face.refused(Controller.ValidateVolumeCapabilities, unknown)).toMatchObject({
        code: 'NOT_FOUND',
      });
    }));

  it('ListVolumes goes on behind a page whose last volume was deleted meanwhile', () =>
    withFace({}, async (face) => {
      for (const name of ['a', 'b', 'c', 'd', 'e']) await createVolume(face, name);
      const list = (max_entries: number, starting_token = '') =>
        face.ask(Controller.ListVolumes, { max_entries, starting_token });
      const ids = ({ entries }: Awaited<ReturnType<typeof list>>) =>
        entries.map(({ volume }) => volume?.volume_id);
      const all = ids(await list(0));
      const first = await list(2);
      await face.ask(Controller.DeleteVolume, { volume_id: all[1] ?? '' });
      const second = await list(2, first.next_token);
      const third = await list(2, second.next_token);
      expect([...ids(first), ...ids(second), ...ids(third)]).toEqual(all);
      expect(third.next_token).toBe('');
    }));

  it('ListVolumes refuses a token that it never gave and a negative count', () =>
    withFace({}, async (face) => {
      expect(await face.refused(Controller.ListVolumes, { starting_token: 'junk' })).toMatchObject({
        code: 'ABORTED',
      });
      expect(await face.refused(Controller.ListVolumes, { max_entries: -1 })).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/^max_entries: /),
      });
    }));

  it('GetCapacity answers beyond 2^53, and 0 for another node and for what no disk here can do', () =>
    withFace({}, async (face) => {
      const here = { available_capacity: '9007199254740993', maximum_volume_size: { value: '7' } };
      const none = { available_capacity: '0', maximum_volume_size: { value: '0' } };
      const raw = { parameters: { pool: 'fast', 'csi.storage.k8s.io/fstype': 'ext4' } };
      expect(await face.ask(Controller.GetCapacity, {})).toMatchObject(here);
      expect(await face.ask(Controller.GetCapacity, raw)).toMatchObject(here);
      const accessible_topology = { segments: { 'kubernetes.io/hostname': 'node-b' } };
      expect(await face.ask(Controller.GetCapacity, { accessible_topology })).toMatchObject(none);
      expect(await face.ask(Controller.GetCapacity, { volume_capabilities: [SHARED] })).toMatchObject(none);
    }));
});

describe('Node', () => {
  it('NodeGetInfo answers node, limit and topology', () =>
    withFace({}, async (face) => {
      expect(await face.ask(Node.NodeGetInfo, {})).toEqual({
        node_id: 'node-a',
        max_volumes_per_node: '7',
        accessible_topology: { segments: TOPOLOGY },
      });
    }));

  it('hands requests on as our own types, without their secrets', async () => {
    const seen: Seen[] = [];
    await withFace({ volumes: volumesInMemory({}, seen) }, async (face) => {
      const volume_id = (await createVolume(face, 'a')).volume?.volume_id ?? '';
      const [staging_target_path, target_path] = ['/staging', '/target'];
      const secrets = { key: 'hunter2' };
      const common = { volume_id, staging_target_path, volume_capability: XFS, secrets };
      await face.ask(Node.NodeStageVolume, common);
      await face.ask(Node.NodePublishVolume, { ...common, target_path, readonly: true });
      await face.ask(Node.NodeUnpublishVolume, { volume_id, target_path });
      await face.ask(Node.NodeUnstageVolume, { volume_id, staging_target_path });
      expect(seen.map(({ call }) => call)).toEqual(['create', 'stage', 'publish', 'unpublish', 'unstage']);
      expect(seen[2]?.with).toMatchObject({
        handle: volume_id,
        stagingPath: '/staging',
        targetPath: '/target',
        readOnly: true,
      });
      expect(seen[3]?.with).toEqual({ handle: volume_id, path: '/target' });
      expect(JSON.stringify(seen.slice(1))).not.toContain('hunter2');
    });
  });

  it('answers stats of a filesystem in bytes and inodes, of raw block in bytes alone', async () => {
    const counts = { total: 10n, used: 4n, available: 6n };
    const mounted = { stats: async () => ({ type: 'mount', bytes: counts, inodes: counts }) as const };
    const request = { volume_id: 'x', volume_path: '/p' };
    await withFace({ instead: mounted }, async (face) => {
      const { usage } = await face.ask(Node.NodeGetVolumeStats, request);
      const same = { total: '10', used: '4', available: '6' };
      expect(usage).toEqual([
        { unit: 'BYTES', ...same },
        { unit: 'INODES', ...same },
      ]);
    });
    await withFace({}, async (face) => {
      const volume_id = (await createVolume(face, 'a')).volume?.volume_id ?? '';
      const { usage } = await face.ask(Node.NodeGetVolumeStats, { ...request, volume_id });
      expect(usage).toEqual([{ unit: 'BYTES', total: '1073741824', used: '0', available: '0' }]);
    });
  });

  it('answers NOT_FOUND, and no INVALID_ARGUMENT, to handles and paths that cannot be', () =>
    withFace({}, async (face) => {
      for (const volume_id of ['fake-vol-id', 'x'.repeat(3000), 'a\nb']) {
        const request = { volume_id, volume_path: 'some/path' };
        expect((await face.refused(Node.NodeGetVolumeStats, request)).code).toBe('NOT_FOUND');
        expect((await face.refused(Node.NodeExpandVolume, request)).code).toBe('NOT_FOUND');
      }
    }));

  it('answers sizes of NodeExpandVolume as they are', () =>
    withFace({}, async (face) => {
      const request = {
        volume_id: 'x',
        volume_path: '/p',
        capacity_range: { required_bytes: '9007199254740993' },
      };
      expect(await face.ask(Node.NodeExpandVolume, request)).toEqual({
        capacity_bytes: '9007199254740993',
      });
    }));

  it('answers health of a volume and of the storage', async () => {
    const lost = [{ status: 'DATA_LOSS', reason: 'SliceLost', message: 'the slice is gone' }] as const;
    await withFace(
      { instead: { health: async () => lost, storageHealth: async () => lost } },
      async (face) => {
        const { volume_health } = await face.ask(Node.NodeGetVolumeHealth, { volume_id: 'x' });
        expect(volume_health).toEqual({ volume_id: 'x', health_statuses: lost });
        const { backend_health } = await face.ask(Node.NodeGetStorageHealth, {});
        expect(backend_health).toMatchObject([{ ...lost[0], status: 'STORAGE_UNREACHABLE' }]);
      },
    );
  });
});

describe('refusals', () => {
  it.each(ERROR_KINDS)('%s crosses the wire as its status, with words and without details', (kind) => {
    const failing = async (): Promise<never> => {
      throw new DriverError(kind, 'staging_target_path: found é "x"\n, want y');
    };
    return withFace({ instead: { unstage: failing } }, async (face) => {
      const request = { volume_id: 'v', staging_target_path: '/s' };
      const { code, message, details } = await face.refused(Node.NodeUnstageVolume, request);
      expect(code).toBe(status[GRPC_CODE[kind]]);
      expect(message).toMatch(
        kind === 'bug' ? /^internal error: / : /^staging_target_path: found é "x"\n, want y$/,
      );
      expect(details).toBeUndefined();
      expect(face.calls()).toEqual([
        expect.objectContaining({
          method: 'NodeUnstageVolume',
          volume: 'v',
          code,
          level: kind === 'bug' ? 50 : 40,
        }),
      ]);
    });
  });

  it.each([
    [
      'rejects with',
      async () => Promise.reject(Object.assign(new TypeError('x is not a function'), { code: 5 })),
    ],
    [
      'throws',
      () => {
        throw Object.assign(new TypeError('x is not a function'), { code: 5 });
      },
    ],
  ])('a call that %s a fault of ours is INTERNAL; its stack is in the log alone', (_, health) =>
    withFace({ instead: { health } }, async (face) => {
      const answer = await face.refused(Node.NodeGetVolumeHealth, { volume_id: 'v' });
      expect(answer.code).toBe('INTERNAL');
      expect(answer.message).not.toContain('function');
      expect(face.calls()).toMatchObject([
        { err: { message: 'x is not a function', stack: expect.stringContaining('csi-face') } },
      ]);
    }),
  );

  it.each(['starting', 'failed'] as const)('a driver that is %s touches no volume', async (is) => {
    const seen: Seen[] = [];
    const volumes = volumesInMemory({ ready: () => ({ is, why: 'the lock is held' }) }, seen);
    await withFace({ volumes }, async (face) => {
      const wanted = { code: 'UNAVAILABLE', message: 'the driver is not ready: the lock is held' };
      const request = { volume_id: 'v', staging_target_path: '/s' };
      expect(await face.refused(Node.NodeUnstageVolume, request)).toMatchObject(wanted);
      expect(await face.refused(Controller.DeleteVolume, { volume_id: 'v' })).toMatchObject(wanted);
      expect(await face.refused(Controller.DeleteVolume, {})).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    });
    expect(seen).toEqual([]);
  });
});

describe('NodeGetInfo', () => {
  it('waits for the disks', async () => {
    let readiness: Readiness = { is: 'starting', why: 'looking at the disks' };
    await withFace({ instead: { ready: () => readiness } }, async (face) => {
      const asked = face.ask(Node.NodeGetInfo, {});
      await sleep(500);
      expect(face.calls()).toEqual([]);
      readiness = { is: 'ready' };
      expect(await asked).toMatchObject({ node_id: 'node-a' });
    });
  });

  it('answers before a caller gives up who cannot wait so long', () =>
    withFace({ instead: { ready: () => ({ is: 'starting', why: 'looking' }) } }, async (face) => {
      expect(await face.refused(Node.NodeGetInfo, {}, { deadline: Date.now() + 2_000 })).toMatchObject({
        code: 'ABORTED',
      });
    }));
});

describe('the log', () => {
  it('has one line a call: method, volume, code and duration; chatty ones at debug', () =>
    withFace({}, async (face) => {
      await createVolume(face, 'a');
      await face.ask(Identity.Probe, {});
      await face.refused(Controller.DeleteVolume, {});
      const durationMs = expect.any(Number);
      expect(face.calls()).toMatchObject([
        { level: 30, method: 'CreateVolume', volume: 'a', code: 'OK', durationMs },
        { level: 20, method: 'Probe', code: 'OK', durationMs },
        {
          level: 40,
          method: 'DeleteVolume',
          code: 'INVALID_ARGUMENT',
          message: expect.stringMatching(/^volume_id: /),
          durationMs,
        },
      ]);
    }));

  it('never has a secret in it, whatever happens to the call', async () => {
    const secrets = { 'encryption-passphrase': 'hunter2' };
    const failing = async (request: unknown): Promise<never> => {
      throw new Error(`cannot work with ${JSON.stringify(request)}`);
    };
    await withFace({ instead: { stage: failing } }, async (face) => {
      await createVolume(face, 'a', { secrets });
      await face.refused(Controller.CreateVolume, { name: 'b', secrets });
      await face.refused(Controller.DeleteVolume, { volume_id: 'x', secrets });
      const stage = { volume_id: 'x', staging_target_path: '/s', volume_capability: XFS, secrets };
      await face.refused(Node.NodeStageVolume, stage);
      await face.refused(Node.NodePublishVolume, { ...stage, target_path: '/t' });
      await face.refused(Node.NodeExpandVolume, { volume_id: 'x', volume_path: '/p', secrets });
      expect(face.logged()).toContain('encryption-passphrase');
      expect(face.logged()).not.toContain('hunter2');
    });
  });
});

/** Jest's own limit ends a wait in vain. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(20);
}

describe('deadlines', () => {
  it('that come near are answered ABORTED, and the work goes on', async () => {
    const work = Promise.withResolvers<void>();
    await withFace({ instead: { unpublish: () => work.promise } }, async (face) => {
      const request = { volume_id: 'v', target_path: '/t' };
      const deadline = Date.now() + 2_500;
      const { code, message } = await face.refused(Node.NodeUnpublishVolume, request, { deadline });
      expect({ code, message }).toEqual({
        code: 'ABORTED',
        message: expect.stringMatching(/^still working on NodeUnpublishVolume.*repeat the call$/),
      });
      work.resolve();
      await until(() => face.calls().length === 2);
      expect(face.calls()).toMatchObject([
        { code: 'ABORTED', msg: 'call' },
        { code: 'OK', msg: 'call ended after its answer' },
      ]);
    });
  });

  it('that pass behind an answer change nothing', () =>
    withFace({}, async (face) => {
      await face.ask(Identity.Probe, {}, { deadline: Date.now() + 1_200 });
      await sleep(1_300);
      expect(face.calls()).toHaveLength(1);
    }));

  it('that are missed, and calls that are cancelled, stop no work and no driver', async () => {
    const work = Promise.withResolvers<never>();
    await withFace({ instead: { unpublish: () => work.promise } }, async (face) => {
      const request = { volume_id: 'v', target_path: '/t' };
      const missed = await face.refused(Node.NodeUnpublishVolume, request, { deadline: Date.now() + 500 });
      expect(missed.code).toBe('DEADLINE_EXCEEDED');
      const signal = AbortSignal.timeout(500);
      const cancelled = await face.refused(Node.NodeUnpublishVolume, request, { signal });
      expect(cancelled.code).toBe('CANCELLED');
      work.reject(new DriverError('busy', 'too late'));
      await until(() => face.calls().length === 2);
      expect(face.calls().map(({ message }) => message)).toEqual(['too late', 'too late']);
      expect(await face.ask(Identity.Probe, {})).toEqual({ ready: { value: true } });
    });
  });

  it.each([undefined, Date.now() + 20 * 24 * 3600 * 1_000])(
    'that are far away or none wait for the work',
    (deadline) =>
      withFace({ instead: { unpublish: () => sleep(300) } }, async (face) => {
        const how = deadline === undefined ? {} : { deadline };
        const request = { volume_id: 'v', target_path: '/t' };
        expect(await face.ask(Node.NodeUnpublishVolume, request, how)).toEqual({});
      }),
  );
});
