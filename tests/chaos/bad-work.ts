import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

/** What `?bad=` makes a replica do in addition to its ordinary work. */
export const badKinds = [
  /** Ends the process with exit code 1. */
  'exits',
  /** Sends SIGKILL to its own process. */
  'kills-itself',
  /** Allocates until the heap is full. At 1 GB the process exits. */
  'eats-memory',
  /** Blocks the event loop for `amount` ms, then answers. */
  'computes',
  /** Answers; later a promise rejects that nobody handles. */
  'leaves-rejection',
  /** Answers; later a timer throws. */
  'leaves-exception',
  /** Answers with a body of `amount` bytes, in parts. */
  'giant',
  /** Answers with an endless body, as fast as it is read. */
  'endless',
  /** Answers with an endless body, a small part ten times a second. */
  'drips',
  /** Answers after `amount` ms. */
  'hangs',
] as const;
export type BadKind = (typeof badKinds)[number];

const partBytes = 64 * 1024;
/** `eats-memory` exits after allocating this much, if the heap was not full before, in bytes. */
const maxEatenBytes = 1e9;
const dripEveryMs = 100;
/** The rejection or the exception comes this long after the handler has started, in ms. */
const laterMs = 20;

/** @returns the path of a request for this bad work. The ledger has its runs under the id. */
export function badPath(id: string, kind: BadKind, amount = 0): string {
  return `/${id}?bad=${kind}&amount=${amount}`;
}

/**
 * Does the bad work that a request asks for.
 * @returns the answer; undefined for the ordinary one.
 */
export async function misbehave({ searchParams }: URL): Promise<Response | undefined> {
  const kind = badKinds.find((each) => each === searchParams.get('bad'));
  const amount = Number(searchParams.get('amount') ?? 0);
  switch (kind) {
    case undefined:
      return undefined;
    case 'exits':
      return process.exit(1);
    case 'kills-itself':
      process.kill(process.pid, 'SIGKILL');
      // The signal may arrive a moment later, and nothing else may run until then.
      return block(1000);
    case 'eats-memory':
      return eat();
    case 'computes':
      return block(amount);
    case 'leaves-rejection':
      setTimeout(() => void Promise.reject(new Error('a rejection that nobody handles')), laterMs);
      return undefined;
    case 'leaves-exception':
      setTimeout(() => {
        throw new Error('thrown by a timer');
      }, laterMs);
      return undefined;
    case 'giant':
      return new Response(parts(amount, partBytes, nextTurn));
    case 'endless':
      return new Response(parts(Number.POSITIVE_INFINITY, partBytes, nextTurn));
    case 'drips':
      return new Response(parts(Number.POSITIVE_INFINITY, 16, () => delay(dripEveryMs)));
    case 'hangs':
      await delay(amount);
      return undefined;
    default:
      return kind satisfies never;
  }
}

function block(ms: number): undefined {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

function eat(): never {
  const eaten: number[][] = [];
  // V8 stores each of these fractions in 8 bytes.
  while (eaten.length * 800_000 < maxEatenBytes) eaten.push(Array(100_000).fill(eaten.length + 0.5));
  return process.exit(1);
}

/** @returns a body whose parts are created only when they are read. */
function parts(bytes: number, part: number, pause: () => Promise<unknown>): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull: async (controller) => {
      await pause();
      const size = Math.min(part, left);
      left -= size;
      controller.enqueue(Buffer.alloc(size, 'x'));
      if (left === 0) controller.close();
    },
  });
}
