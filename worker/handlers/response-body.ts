import { Readable } from 'node:stream';
import { isUint8Array } from 'node:util/types';

import type { ReplyBudget } from './reply-budget.ts';
import { GatheredBody } from './gathered-body.ts';
import type { HandlerContext } from './handler.ts';

/** Tells the source of a body that nobody reads it any further. */
export function cancelBody(response: Response, reason: unknown): void {
  // It rejects if the stream has failed, or has another reader.
  streamOf(response)
    ?.cancel(reason)
    .catch(() => undefined);
}

/**
 * Reads the body of a response to its end, chunk by chunk. If it is larger than the limit, or the signal
 * fires, its stream is cancelled and nothing more is read.
 * @returns the bytes; undefined if they are more than the limit.
 * @throws the signal's reason, and what the stream throws.
 */
export async function readBody(
  response: Response,
  context: HandlerContext,
  budget: ReplyBudget,
): Promise<Uint8Array | undefined> {
  // If the body was read before, `arrayBuffer` below says so.
  const stream = response.bodyUsed ? undefined : streamOf(response);
  if (stream !== undefined) return readStream(stream, context, budget);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return bytes.length > budget.limitBytes ? undefined : bytes;
}

/**
 * @returns the body's stream; undefined if a response of another library has no stream that is known here.
 */
function streamOf({ body }: Response): ReadableStream<unknown> | undefined {
  const source: unknown = body;
  if (source instanceof ReadableStream) return source;
  return source instanceof Readable && !source.destroyed ? Readable.toWeb(source) : undefined;
}

async function readStream(
  stream: ReadableStream<unknown>,
  { requestId, signal }: HandlerContext,
  budget: ReplyBudget,
): Promise<Uint8Array | undefined> {
  const gathered = new GatheredBody(budget, requestId);
  const reader = stream.getReader();
  let resume: (() => void) | undefined;
  const cancel = (): void => {
    reader.cancel(signal.reason).catch(() => undefined);
    resume?.();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return gathered.whole();
      // `Response.arrayBuffer()` checks the same.
      if (!isUint8Array(value)) throw new TypeError('the body of a Response must be a stream of bytes');
      if (!gathered.add(value)) {
        reader.cancel('the answer is too large').catch(() => undefined);
        return undefined;
      }
      if (gathered.mayGrow(() => resume?.())) continue;
      await new Promise<void>((resolve) => (resume = resolve));
      signal.throwIfAborted();
    }
  } catch (error) {
    reader.cancel(error).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
