/** What test/vm/lab.test.ts calls in the guest to see that calls arrive. */

let memory: unknown;

export function remember(what: unknown): void {
  memory = what;
}

export const remembered = (): unknown => memory;

export function refuse(words: string, code: number): never {
  throw Object.assign(new Error(words), { code });
}

export const die = (): never => process.exit(3);
