import { ABSENT, type Answer, present } from '../model/answer.ts';
import { DRIVER_NAME } from '../model/pool.ts';
import type { Api, ListPage } from './client.ts';

const COLLECTION = '/api/v1/persistentvolumes';
/** A PersistentVolume has 2 to 4 KiB. */
const PAGE_SIZE = 100;

/**
 * Whether a PersistentVolume bears the handle. The one that the provisioner would have written is asked for by name,
 * which costs next to nothing; only when that is not there are all of them listed, live and in pages, as one that a
 * person wrote may be called anything.
 */
export async function findPersistentVolume(
  api: Api,
  list: ListPage,
  handle: string,
  name: string | undefined,
): Promise<Answer<unknown>> {
  const named =
    name === undefined
      ? ABSENT
      : await api({ method: 'GET', path: `${COLLECTION}/${encodeURIComponent(name)}` });
  return named.is === 'absent' ? findListed(list, handle) : named;
}

async function findListed(list: ListPage, handle: string): Promise<Answer<unknown>> {
  for (let next = ''; ; ) {
    const page = await list(`${COLLECTION}?limit=${PAGE_SIZE}&continue=${encodeURIComponent(next)}`);
    if (page.is !== 'present') return page;
    if (page.value.items.some((item) => bears(item, handle))) return present(handle);
    if (page.value.next === '') return ABSENT;
    next = page.value.next;
  }
}

type PersistentVolume = {
  readonly spec?: { readonly csi?: { readonly driver?: unknown; readonly volumeHandle?: unknown } };
};

function bears(item: unknown, handle: string): boolean {
  const { driver, volumeHandle } = (item as PersistentVolume).spec?.csi ?? {};
  return driver === DRIVER_NAME && volumeHandle === handle;
}
