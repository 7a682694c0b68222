import { type Returned, type Threw, threw } from '../lab/messages.ts';

export type Call = { readonly id: number; readonly name: string; readonly args: readonly unknown[] };

type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Answers calls of a module's exported functions, in a process of its own, until its parent ends. */
export function serve(functions: Functions): void {
  process.on('message', (call: Call) => void answer(functions, call).then((reply) => process.send?.(reply)));
  process.on('disconnect', () => process.exit());
}

async function answer(functions: Functions, { id, name, args }: Call): Promise<Returned | Threw> {
  try {
    const called = functions[name];
    if (called === undefined) throw new Error(`the module exports no function ${name}`);
    return { is: 'returned', id, value: await called(...(args as never[])) };
  } catch (error) {
    return threw(id, error);
  }
}
