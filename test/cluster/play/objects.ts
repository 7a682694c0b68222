/** Kubernetes objects as the tests ask for them, with what a test does not care about filled in. */

import { BUSYBOX } from '../lab/images.ts';

export const STORAGE_CLASS = 'fast-local';

export type ClaimOptions = {
  /** As Kubernetes writes sizes; 512Mi when left out, which XFS can just be made on. */
  readonly size?: string;
  readonly storageClass?: string;
  readonly volumeMode?: 'Filesystem' | 'Block';
  readonly accessMode?: 'ReadWriteOnce' | 'ReadWriteOncePod';
  readonly volumeName?: string;
};

export function claim(name: string, options: ClaimOptions = {}): object {
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec: claimSpec(options) };
}

export function claimSpec(options: ClaimOptions): object {
  const { size = '512Mi', storageClass = STORAGE_CLASS, volumeMode = 'Filesystem' } = options;
  return {
    storageClassName: storageClass,
    accessModes: [options.accessMode ?? 'ReadWriteOnce'],
    volumeMode,
    resources: { requests: { storage: size } },
    ...(options.volumeName === undefined ? {} : { volumeName: options.volumeName }),
  };
}

type PodOptions = {
  /** Claims mounted at /NAME. */
  readonly claims?: readonly string[];
  /** Claims of raw block volumes, at /dev/NAME. */
  readonly blocks?: readonly string[];
  /** Label kubernetes.io/hostname of the node where it is to run. */
  readonly hostname?: string;
  /** What else its spec says. */
  readonly spec?: object;
  /** What else its container says. */
  readonly container?: object;
};

/** A pod that sleeps beside its volumes, and ends at once when told to. */
export function pod(name: string, options: PodOptions = {}): object {
  const { claims = [], blocks = [], hostname, spec = {}, container = {} } = options;
  const volume = (claimName: string): object => ({
    name: claimName,
    persistentVolumeClaim: { claimName },
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 0,
      ...(hostname === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': hostname } }),
      containers: [
        {
          name: 'app',
          image: BUSYBOX,
          command: ['sleep', 'infinity'],
          volumeMounts: claims.map((each) => ({ name: each, mountPath: `/${each}` })),
          volumeDevices: blocks.map((each) => ({ name: each, devicePath: `/dev/${each}` })),
          ...container,
        },
      ],
      volumes: [...claims, ...blocks].map(volume),
      ...spec,
    },
  };
}
