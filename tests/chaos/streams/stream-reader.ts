import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { events } from '../../fixtures/pattern.ts';
import type { StreamEnding } from './stream-record.ts';
import { positionOf } from './stream-work.ts';

/** What the client does besides reading. */
export interface Manner {
  /** It leaves once it has so many bytes. */
  readonly leavesAfter?: number;
  /** Once it has so many bytes, it reads nothing for a while. */
  readonly restsAfter?: { readonly bytes: number; readonly ms: number };
}

/** What to read. */
export interface Reading extends Manner {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly seed: number;
  /** The position of the first byte that is to come. */
  readonly from: number;
}

/** What was read from one connection. */
export interface Read {
  readonly ending: StreamEnding;
  /** The position behind the last byte. */
  readonly position: number;
  readonly wrongAt: number | undefined;
  readonly replica: string | undefined;
}

/** A stream on which nothing comes for so long is given up, in ms. */
const silenceMs = 30_000;

/** Reads a stream on a connection of its own, and compares each byte; never rejects. */
export function readStream(reading: Reading): Promise<Read> {
  const { url, headers = {}, seed, from } = reading;
  const { promise, resolve } = Promise.withResolvers<Read>();
  let [position, wrongAt, replica] = [from, undefined as number | undefined, undefined as string | undefined];
  let began = false;
  let rested = false;
  const request = httpRequest(url, { agent: false, headers });
  const settle = (ending: StreamEnding): void => {
    clearTimeout(timer);
    resolve({ ending, position, wrongAt, replica });
    request.destroy();
  };
  const timer = setTimeout(() => settle({ kind: 'silence' }), silenceMs);
  const onError = (error: Error): void => {
    const code = 'code' in error ? String(error.code) : error.message;
    settle({ kind: began ? 'broken' : 'refused', code });
  };
  const take = (response: IncomingMessage, chunk: Buffer): void => {
    timer.refresh();
    const wrong = events.firstWrong(positionOf(seed, position), chunk);
    if (wrong >= 0) wrongAt ??= wrong - positionOf(seed, 0);
    position += chunk.length;
    const { leavesAfter, restsAfter } = reading;
    if (leavesAfter !== undefined && position >= leavesAfter) settle({ kind: 'left' });
    if (restsAfter === undefined || rested || position < restsAfter.bytes) return;
    rested = true;
    response.pause();
    void delay(restsAfter.ms).then(() => response.resume());
  };
  request.on('error', onError);
  request.on('response', (response) => {
    const named = response.headers['ringpost-replica'];
    replica = typeof named === 'string' ? named : undefined;
    if (response.statusCode !== 200) {
      refusal(response).then((code) => settle({ kind: 'refused', code }), onError);
      return;
    }
    began = true;
    response.on('data', (chunk: Buffer) => take(response, chunk));
    response.on('error', onError);
    response.on('end', () => settle({ kind: 'clean' }));
  });
  request.end();
  return promise;
}

/** @returns the code of a problem, or its status. */
async function refusal(response: IncomingMessage): Promise<string> {
  const text = Buffer.concat(await response.toArray()).toString(); // without an encoding it brings Buffers
  return /"code":"([a-z_]+)"/.exec(text)?.[1] ?? `http_${response.statusCode}`;
}
