import { type FSWatcher, watch } from 'node:fs';

const DEBOUNCE_MS = 500;

/**
 * Calls back some time after nodes came or went in /dev, and every `everyMs` in any case: a loop device's attaching
 * and a disk's new size show nowhere. Keeps no process alive.
 */
export function watchDevices(onChange: () => void, options: { readonly everyMs: number }): { close(): void } {
  let soon: NodeJS.Timeout | undefined;
  const timer = setInterval(onChange, options.everyMs).unref();
  const watcher = watchNodes(() => {
    clearTimeout(soon);
    soon = setTimeout(onChange, DEBOUNCE_MS).unref();
  });
  return {
    close() {
      clearInterval(timer);
      clearTimeout(soon);
      watcher?.close();
    },
  };
}

/** Undefined when the machine has no inotify watches left: then the timer alone has to do. */
function watchNodes(onNodes: () => void): FSWatcher | undefined {
  try {
    // `change` means that somebody wrote to a device, /dev/null for one.
    const watcher = watch('/dev', { persistent: false }, (event) => event === 'rename' && onNodes());
    return watcher.on('error', () => watcher.close());
  } catch {
    return undefined;
  }
}
