import type { PartedFrame } from '../../contract/frame.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import type { Fenced } from '../../contract/fenced.ts';
import type { Keys } from '../keys/keys.ts';
import { parseDelivery } from '../../contract/delivery.ts';
import type { Delivery, HeldJob } from '../../contract/delivery.ts';
import type { Script, ScriptArgument } from './script.ts';

/** A reply for the gateway that waits for it. */
export interface OutgoingReply {
  readonly gateway: string;
  readonly frame: ReplyFrame;
  /** The frame with its bytes, if it has to be in the inbox before. A plain command pushes it. */
  readonly before?: PartedFrame | undefined;
}

/** A job to be finished, and the reply that is pushed in the same step. */
export interface Ended {
  readonly id: string;
  readonly reply: OutgoingReply | undefined;
}

/** What a tick has brought. */
export interface Ticked {
  /**
   * When the next delayed job is due, in ms since the epoch; 0 if there is none, null if that was not asked.
   */
  readonly due: number | null;
  /**
   * For each job to be finished, what BullMQ's `moveToFinished` says: 0, or below 0 if the job was not there.
   */
  readonly codes: readonly number[];
  /** Jobs that waited, and are held now. */
  readonly taken: readonly HeldJob[];
  /** Deliveries that the consumer had not read yet. */
  readonly unread: readonly Delivery[];
}

/**
 * How many jobs a consumer may hold. `leaving`: it takes nothing from now on, and says so once. `left`: it
 * has said so before. `paused`: it takes nothing for now, and nothing may be delivered to it.
 */
export type JobLimit = number | 'leaving' | 'left' | 'paused';

/** These limits as the script knows them. */
const limitCodes = { leaving: 0, left: -1, paused: -2 } as const;

/** What all ticks of a consumer have in common. */
export interface TickTerms {
  /** By which the worker serves the queue. */
  readonly lease: Fenced;
  /** The token of the locks on the jobs that are taken. */
  readonly token: string;
  /** The TTL of these locks in ms. */
  readonly lockMs: number;
  /** The TTL of the inboxes in ms. */
  readonly inboxTtlMs: number;
  /**
   * For how long after a tick requests that must not run twice may be delivered directly, in ms; 0 if the
   * consumer does not note the ids of those that it begins.
   */
  readonly notingMs: number;
}

export interface TickCall {
  readonly terms: TickTerms;
  readonly ended: readonly Ended[];
  readonly jobLimit: JobLimit;
  /** The time in Redis, in ms since the epoch. */
  readonly now: number;
}

/** How many waiting jobs one call takes at most, so that Redis is not kept from others for long. */
const maxTaken = 64;

/**
 * Pushes replies, finishes their jobs, and takes new ones. BullMQ's scripts are put into its text. Its keys
 * depend on the terms alone. Its result is undefined if another worker has taken the lease; then nothing was
 * done.
 */
export const tick = {
  keys: (keys: Keys, { lease: { replica } }: TickTerms): readonly string[] => [
    ...keys.moveToFinished(replica),
    keys.leaseFence(replica),
    keys.consumer(replica),
    keys.noting(replica),
    keys.eventReaders(replica),
  ],
  args({ terms, ended, jobLimit, now }: TickCall, keys: Keys): readonly ScriptArgument[] {
    const { lease, token, lockMs, inboxTtlMs, notingMs } = terms;
    const { replica, fence } = lease;
    const args: ScriptArgument[] = [
      fence,
      keys.bullMq(keys.queue(replica), ''),
      now,
      token,
      lockMs,
      typeof jobLimit === 'number' ? jobLimit : limitCodes[jobLimit],
      maxTaken,
      inboxTtlMs,
      notingMs,
    ];
    pushInboxes(args, ended, (gateway) => keys.inbox(replica, gateway));
    for (const { id } of ended) args.push(id);
    return args;
  },
  decode(reply: unknown): Ticked | undefined {
    // As the header of the Lua file says.
    const raw = reply as RawTicked;
    if (raw.length === 1) return undefined;
    const [due, codes, flat, deliveries] = raw;
    const taken: HeldJob[] = [];
    for (let at = 0; at < flat.length; at += 3) {
      const data = flat[at + 1];
      taken.push({
        id: String(flat[at]),
        data: typeof data === 'string' ? data : null,
        timesTaken: Number(flat[at + 2]),
      });
    }
    return { due, codes, taken, unread: deliveries.map(parseDelivery) };
  },
} satisfies TickScript;

interface TickScript extends Pick<Script<TickCall, Ticked | undefined>, 'args' | 'decode'> {
  readonly keys: (keys: Keys, terms: TickTerms) => readonly string[];
}

type RawTicked =
  | [superseded: -1]
  | [due: number | null, codes: number[], taken: (string | number | null)[], deliveries: string[]];

/**
 * Appends how many inboxes there are, and for each of them its key, how many frames there are for it, and the
 * frames.
 */
function pushInboxes(
  args: ScriptArgument[],
  ended: readonly Ended[],
  keyOf: (gateway: string) => string,
): void {
  const inboxes: { readonly gateway: string; readonly frames: ReplyFrame[] }[] = [];
  for (const { reply } of ended) {
    if (reply === undefined) continue;
    // There are few gateways; a `Map` would have to look their names up among all strings first.
    const inbox = inboxes.find(({ gateway }) => gateway === reply.gateway);
    if (inbox === undefined) inboxes.push({ gateway: reply.gateway, frames: [reply.frame] });
    else inbox.frames.push(reply.frame);
  }
  args.push(inboxes.length);
  for (const { gateway, frames } of inboxes) args.push(keyOf(gateway), frames.length, ...frames);
}
