import { type FSWatcher, readdirSync, watch } from 'node:fs';

const DEBOUNCE_MS = 500;

/**
 * Calls back some time after nodes of disks came or went in /dev, and every `everyMs` in any case: a loop device's attaching
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

/**
 * Nodes of partitions come and go with every volume of ours and tell nothing of disks. A disk that goes takes its own
 * node along, which is no partition of what is left.
 */
export function isPartition(node: string, disks: readonly string[]): boolean {
  return disks.some((disk) => {
    const rest = node.startsWith(disk) ? node.slice(disk.length) : '';
    return (/[0-9]$/.test(disk) ? /^p[0-9]+$/ : /^[0-9]+$/).test(rest);
  });
}

/** Undefined when the machine has no inotify watches left: then the timer alone has to do. */
function watchNodes(onNodes: () => void): FSWatcher | undefined {
  try {
    // `change` means that somebody wrote to a device, /dev/null for one.
    const watcher = watch('/dev', { persistent: false }, (event, node) => {
      if (event === 'rename' && !(node !== null && isPartition(node, readdirSync('/sys/block')))) onNodes();
    });
    return watcher.on('error', () => watcher.close());
  } catch {
    return undefined;
  }
}
