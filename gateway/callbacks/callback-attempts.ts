import type { Logger } from '#shared/process/logger.ts';
import type { TakenCallback } from '#shared/store/callbacks/callback-consumer.ts';
import { CallbackNotes } from '#shared/store/callbacks/callback-notes.ts';
import { shownReceiver } from '#shared/contract/callback.ts';
import type { CallbackData } from '#shared/contract/callback.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { CallbackMacs } from './callback-macs.ts';
import { firstSentBefore, nextAttempt } from './callback-schedule.ts';
import { sendCallback } from './callback-sender.ts';
import type { Later } from './callback-source.ts';
import type { CallbackTargets } from './targets.ts';

export interface CallbackAttemptsOptions {
  readonly connection: Connection;
  readonly targets: CallbackTargets;
  readonly secrets: readonly string[];
  readonly macs: CallbackMacs;
  readonly log: Logger;
}

/** A callback job that a gateway has written. */
export interface VerifiedCallback {
  readonly id: string;
  readonly data: CallbackData;
  readonly job: TakenCallback;
}

/** Sends callbacks once each, and notes the outcome in their jobs and in the records of their requests. */
export class CallbackAttempts {
  readonly #options: CallbackAttemptsOptions;
  readonly #signal: AbortSignal;
  readonly #notes: CallbackNotes;
  readonly #clock: RedisClock;

  /** @param signal aborts the attempts in progress. Their callbacks are sent again. */
  constructor(options: CallbackAttemptsOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#notes = new CallbackNotes(options.connection);
    this.#clock = clockOf(options.connection);
  }

  /** @returns when the callback is sent again; undefined if it is done. */
  async attempt(
    { id, data, job }: VerifiedCallback,
    url: string,
    payload: string,
  ): Promise<Later | undefined> {
    const { targets, secrets, macs, log } = this.#options;
    const clock = this.#clock;
    const firstSent = data.firstSent ?? firstSentBefore(data.attempts, clock.now());
    const toSend = { id, url, payload };
    const sent = await sendCallback(targets, secrets, toSend, clock.now(), this.#signal).catch(
      () => undefined,
    );
    if (sent === undefined) return { at: clock.now() };
    const attempts = data.attempts + 1;
    const failed = { attempts, firstSent, askedMs: sent.outcome === 'retry' ? sent.notBeforeMs : 0 };
    const at = nextAttempt(failed, clock.now(), Math.random());
    if (sent.outcome !== 'retry' || at === undefined) {
      const state = sent.outcome === 'retry' ? 'failed' : sent.outcome;
      if (state !== 'delivered')
        log.warn({ request: id, answer: sent.answer, attempts }, `a callback ${state}`);
      await this.#notes.note(id, state, attempts, sent.answer, shownReceiver(url));
      return undefined;
    }
    // The job is written before the note, so that a gateway that takes it next goes on from here.
    const message = { url, payload, mac: macs.ofMessage(id, { url, payload }) };
    await job.update({ ...data, mac: macs.ofJob(id, data), attempts, firstSent, message });
    await this.#notes.note(id, 'retrying', attempts, sent.answer, shownReceiver(url));
    return { at };
  }
}
