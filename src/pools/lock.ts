/**
 * A lock that many may share or one may hold alone, first come first served. A disk's table is written exclusively;
 * mkfs, mount and open share, as sfdisk's own O_EXCL would break them.
 */
export type DiskLock = {
  shared<T>(act: () => Promise<T>): Promise<T>;
  exclusive<T>(act: () => Promise<T>): Promise<T>;
};

type Waiter = { readonly exclusive: boolean; readonly start: () => void };

export function createDiskLock(): DiskLock {
  const waiting: Waiter[] = [];
  let sharing = 0;
  let alone = false;

  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (alone || (next.exclusive && sharing > 0)) return;
      waiting.shift();
      if (next.exclusive) alone = true;
      else sharing += 1;
      next.start();
    }
  };

  const run = async <T>(exclusive: boolean, act: () => Promise<T>): Promise<T> => {
    await new Promise<void>((start) => {
      waiting.push({ exclusive, start });
      admit();
    });
    try {
      return await act();
    } finally {
      if (exclusive) alone = false;
      else sharing -= 1;
      admit();
    }
  };

  return { shared: (act) => run(false, act), exclusive: (act) => run(true, act) };
}
