import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { kubectlCommand } from '../lab/kubectl.ts';

/** An object as it was told of, and when: milliseconds since the epoch, by this machine's clock. */
export type Seen<T> = { readonly atMs: number; readonly object: T };

/** What the API server tells of the objects of a collection, from now on. */
export class Watch<T> implements Disposable {
  readonly seen: Seen<T>[] = [];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('a watch without output');
    createInterface(child.stdout).on('line', (line) => {
      this.seen.push({ atMs: Date.now(), object: (JSON.parse(line) as { object: T }).object });
    });
  }

  /** @param collection a path of the API, as in `/api/v1/namespaces/default/pods` */
  static async open<T>(collection: string): Promise<Watch<T>> {
    const [file, ...args] = await kubectlCommand('get', '--raw', `${collection}?watch=true`);
    return new Watch<T>(spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  }

  /** When it was first told that something holds; undefined when it has not been yet. */
  first(holds: (object: T) => boolean): number | undefined {
    return this.seen.find(({ object }) => holds(object))?.atMs;
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}
