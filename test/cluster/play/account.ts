import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectl } from '../lab/kubectl.ts';
import { FOLDER } from '../lab/place.ts';
import { DRIVER_NAMESPACE } from './driver.ts';

/** A folder like the one in which the kubelet gives a pod its account; removed at the end. */
export async function withAccount<T>(account: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'account-'));
  try {
    const token = await kubectl('create', 'token', account, `--namespace=${DRIVER_NAMESPACE}`);
    await writeFile(join(folder, 'token'), token);
    await cp(join(FOLDER, 'pki/ca.crt'), join(folder, 'ca.crt'));
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
