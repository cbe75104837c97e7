import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

/** What a request asks a replica to do with `?bad=`, beside its ordinary work. */
export const badKinds = [
  /** Ends the process with exit code 1. */
  'exits',
  /** Sends SIGKILL to its own process. */
  'kills-itself',
  /** Allocates until the heap is full; the process ends by itself at 1 GB. */
  'eats-memory',
  /** Blocks the event loop for `amount` ms, then answers. */
  'computes',
  /** Answers, and leaves a promise behind that rejects. */
  'leaves-rejection',
  /** Answers, and leaves a timer behind that throws. */
  'leaves-exception',
  /** Answers with a body of `amount` bytes, in parts. */
  'giant',
  /** Answers with a body that has no end, as fast as it is read. */
  'endless',
  /** Answers with a body that has no end, of which a small part comes ten times a second. */
  'drips',
  /** Answers after `amount` ms. */
  'hangs',
] as const;
export type BadKind = (typeof badKinds)[number];

const partBytes = 64 * 1024;
/** The process of `eats-memory` ends at this size, if it has no smaller heap, in bytes. */
const mostEatenBytes = 1e9;
const dripEveryMs = 100;
/** How long after its answer a careless handler fails, in ms. */
const laterMs = 20;

/** The path of a request that asks for it, with an id under which its runs are in the ledger. */
export function badPath(id: string, kind: BadKind, amount = 0): string {
  return `/${id}?bad=${kind}&amount=${amount}`;
}

/**
 * Does the bad thing.
 * @returns its answer; undefined where the ordinary one is to be given.
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
      // The signal may be delivered a moment later.
      return block(1000);
    case 'eats-memory':
      return eat();
    case 'computes':
      return block(amount);
    case 'leaves-rejection':
      setTimeout(() => void Promise.reject(new Error('left behind')), laterMs);
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
  // Doubles that are no small integers take 8 bytes each.
  while (eaten.length * 800_000 < mostEatenBytes) eaten.push(Array(100_000).fill(eaten.length + 0.5));
  return process.exit(1);
}

/** A body whose parts are made only when they are read. */
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
