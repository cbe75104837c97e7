import { setTimeout as delay } from 'node:timers/promises';
import { sendAsync } from '../bad-traffic/handed-over.ts';
import type { AsyncRequest } from '../bad-traffic/handed-over.ts';
import { now } from '../clock.ts';
import { readStream } from './stream-reader.ts';
import type { Read } from './stream-reader.ts';
import type { StreamEnding } from './stream-record.ts';
import { streamPath } from './stream-work.ts';
import type { AskedStream } from './stream-work.ts';

/** What became of a kept stream. */
export interface Followed extends Read {
  readonly resumed: number;
  readonly readWhole?: boolean;
}

/** A kept stream is given up after so long, in ms. */
const boundMs = 90_000;
const retryAfterMs = 200;
/** These answers mean that it can be read later. */
const later = new Set(['not_finished', 'redis_away', 'no_replica', 'starting', 'over_capacity']);

/**
 * Hands a request over, and follows its stream to the end. After each break it goes on at the next gateway,
 * from the byte that it needs. Then it reads the whole stream once more. Never rejects.
 * @param mayBeGone whether Redis may have lost everything before the whole stream is read once more.
 */
export async function followKept(
  targets: readonly string[],
  first: number,
  id: string,
  asked: AskedStream,
  mayBeGone = false,
): Promise<Followed> {
  const { seed, bytes } = asked;
  const urlAt = (turn: number): string => targets[(first + turn) % targets.length] ?? '';
  const refused = (error: unknown): Followed => ({
    ending: { kind: 'refused', code: /answered (\d+)/.exec(String(error))?.[1] ?? 'not accepted' },
    position: 0,
    wrongAt: undefined,
    replica: undefined,
    resumed: 0,
  });
  let request: AsyncRequest;
  try {
    request = await sendAsync(urlAt(0), streamPath(id, asked), { 'ringpost-retry': 'always' });
  } catch (error) {
    return refused(error);
  }
  const giveUpAt = now() + boundMs;
  const follow = (turn: number, from: number): Promise<Read> =>
    readStream({
      url: `${urlAt(turn)}/-/requests/${request.id}/reply?wait=20`,
      headers: from === 0 ? {} : { 'ringpost-offset': String(from) },
      seed,
      from,
    });
  let turn = 0;
  let read = await follow(turn, 0);
  while (mayGoOn(read.ending) && read.wrongAt === undefined && now() < giveUpAt) {
    await delay(retryAfterMs);
    turn += 1;
    read = await follow(turn, read.position);
  }
  const { replica } = request;
  if (read.ending.kind !== 'clean') return { ...read, replica, resumed: turn };
  let whole = await follow(turn + 1, 0);
  while (mayGoOn(whole.ending) && now() < giveUpAt) {
    await delay(retryAfterMs);
    turn += 1;
    whole = await follow(turn, 0);
  }
  const isGone = whole.ending.kind === 'refused' && whole.ending.code === 'not_found';
  if (mayBeGone && isGone) return { ...read, replica, resumed: turn };
  const readWhole = whole.ending.kind === 'clean' && whole.position === bytes && whole.wrongAt === undefined;
  return { ...read, replica, resumed: turn, readWhole };
}

/** @returns whether the rest may be read later, or elsewhere. */
function mayGoOn(ending: StreamEnding): boolean {
  switch (ending.kind) {
    case 'broken':
      return true;
    case 'refused':
      // Codes of Node are in capital letters: the gateway is away.
      return later.has(ending.code) || /^E[A-Z]+$|socket/.test(ending.code);
    default:
      return false;
  }
}
