import type { Frame, StreamTerms } from '#shared/contract/frame.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import type { Ran } from '../http/request-notes.ts';
import { MissingFrames } from '../streams/missing-frames.ts';
import type { OpenStreams, StreamFrame } from '../streams/open-streams.ts';
import { ranOf } from './ran.ts';
import type { ReplyBodies } from './reply-bodies.ts';
import type { Waiter } from './waiter.ts';
import type { Waiters } from './waiters.ts';

export interface ArrivedFramesOptions {
  readonly waiters: Waiters;
  readonly streams: OpenStreams;
  readonly bodies: Pick<ReplyBodies, 'fetch' | 'remove'>;
  /** Translates Redis time to the `performance.now()` clock. */
  readonly at: (time: number) => number;
  /** Called with a waiter whose job has ended, and whose answer is gone. */
  readonly onLost: (waiter: Waiter) => void;
  /** How long the head of a stream may be missing until the stream is cancelled, in ms. */
  readonly gapMs?: number;
}

/** Passes what arrives in the inboxes to the clients that wait for it. */
export class ArrivedFrames {
  readonly #options: ArrivedFramesOptions;
  /** The first frames that have arrived of streams whose heads have not. */
  readonly #headless = new Map<string, StreamFrame>();
  readonly #missingHeads: MissingFrames;
  #unclaimed = 0;

  constructor(options: ArrivedFramesOptions) {
    this.#options = options;
    this.#missingHeads = new MissingFrames({
      ask: (id) => this.#askForHead(id),
      giveUp: (id) => this.#giveHeadUp(id),
      giveUpMs: options.gapMs ?? 5000,
    });
  }

  /** Replies that arrived when nobody waited for them. */
  get unclaimedCount(): number {
    return this.#unclaimed;
  }

  /** The connection of the inboxes broke: asks for what was on it, as far as it was of streams. */
  askForAll(): void {
    const { waiters, streams } = this.#options;
    streams.askForAll();
    for (const id of waiters.ids) {
      const waiter = waiters.get(id);
      if (waiter?.state === 'waiting') streams.askForHead(waiter.request.replica, id);
    }
  }

  /** Passes a frame to the client that waits for it. */
  receive(replica: string, frame: Frame): void {
    const { waiters } = this.#options;
    switch (frame.kind) {
      case 'reply':
        this.#receiveReply(replica, frame.reply);
        return;
      case 'head':
        this.#receiveHead(replica, frame.reply, frame.terms);
        return;
      case 'hints':
        waiters.get(frame.id)?.request.client.hint(frame.headers);
        return;
      case 'body': {
        const waiter = waiters.get(frame.id);
        if (waiter !== undefined) waiter.sentBody = { fence: frame.fence, bytes: frame.bytes };
        return;
      }
      case 'chunk':
      case 'end':
      case 'abort':
      case 'blocked':
        this.#receiveStream(replica, frame);
        return;
      default:
        frame satisfies never;
    }
  }

  #receiveReply(replica: string, reply: Reply): void {
    const { waiters, streams, bodies } = this.#options;
    const waiter = waiters.get(reply.id);
    if (waiter === undefined) {
      // A job that is answered has ended, so a stream of it ends nowhere.
      if (streams.has(reply.id)) streams.lose(reply.id);
      this.#unclaimed += 1;
      if (reply.body === undefined && reply.bodyFrame === undefined) bodies.remove(replica, reply.id);
      return;
    }
    if (reply.body !== undefined) this.#settle(waiter, replica, reply, reply.body);
    else if (reply.bodyFrame !== undefined) this.#putTogether(waiter, replica, reply, reply.bodyFrame);
    else this.#fetch(waiter, replica, reply);
  }

  #settle(waiter: Waiter, replica: string, reply: Reply, body: Uint8Array): void {
    this.#options.waiters.end(waiter);
    const { id, spilledFrom, client } = waiter.request;
    client.settle({
      id,
      replica,
      spilledFrom,
      result: { ...headOf(reply), body },
      ran: this.#ran(waiter, reply),
    });
  }

  /** The bytes of a reply have come before it. */
  #putTogether(
    waiter: Waiter,
    replica: string,
    reply: Reply,
    { fence, length }: NonNullable<Reply['bodyFrame']>,
  ): void {
    const { sentBody } = waiter;
    if (sentBody?.fence === fence && sentBody.bytes.length === length) {
      this.#settle(waiter, replica, reply, sentBody.bytes);
      return;
    }
    this.#lose(waiter);
  }

  /** The bytes of a reply are in a key of their own. */
  #fetch(waiter: Waiter, replica: string, reply: Reply): void {
    const { waiters, bodies, onLost } = this.#options;
    if (waiter.state === 'fetching') return;
    // Redis may be away now, so this can take until the deadline.
    waiter.become('fetching');
    const wanted = (): boolean => waiter.isWaitedFor;
    void bodies.fetch(replica, reply.id, reply.storedBytes ?? 0, wanted, (stored) => {
      if (!wanted()) return;
      if (stored !== undefined) {
        waiters.settle(waiter, { ...headOf(reply), body: stored }, this.#ran(waiter, reply));
        return;
      }
      waiter.become('waiting');
      onLost(waiter);
    });
  }

  #receiveHead(
    replica: string,
    reply: Extract<Frame, { readonly kind: 'head' }>['reply'],
    terms: StreamTerms,
  ): void {
    const { waiters, streams } = this.#options;
    const { id, body: first } = reply;
    const waiter = waiters.get(id);
    if (waiter === undefined) {
      streams.refuseHead(replica, id, terms);
      return;
    }
    this.#findHead(id);
    waiters.end(waiter);
    const { client, spilledFrom } = waiter.request;
    const outcome = {
      id,
      replica,
      spilledFrom,
      head: headOf(reply),
      hasBytes: first.length > 0,
      ran: this.#ran(waiter, reply),
    };
    streams.open({ id, replica, terms, first, begin: (listener) => client.begin(outcome, listener) });
  }

  #receiveStream(replica: string, frame: StreamFrame): void {
    const { waiters, streams } = this.#options;
    const waiter = waiters.get(frame.id);
    if (waiter === undefined) {
      streams.receive(replica, frame);
      return;
    }
    // The head is lost. With the last frame the job is gone.
    if (frame.kind === 'end' || frame.kind === 'abort') {
      streams.refuse(replica, frame);
      this.#findHead(frame.id);
      this.#lose(waiter);
      return;
    }
    streams.counts.dropped += 1;
    if (!this.#headless.has(frame.id)) this.#headless.set(frame.id, frame);
    this.#missingHeads.add(frame.id);
  }

  #askForHead(id: string): void {
    const { waiters, streams } = this.#options;
    const waiter = waiters.get(id);
    if (waiter === undefined) this.#findHead(id);
    else streams.askForHead(waiter.request.replica, id);
  }

  /** The head is here, or nobody waits for it any more. */
  #findHead(id: string): void {
    if (this.#headless.delete(id)) this.#missingHeads.remove(id);
  }

  /** Has the worker stop: its last frame shows then that the job is gone. */
  #giveHeadUp(id: string): void {
    const frame = this.#headless.get(id);
    this.#headless.delete(id);
    const waiter = this.#options.waiters.get(id);
    if (frame !== undefined && waiter !== undefined) {
      this.#options.streams.refuse(waiter.request.replica, frame);
    }
  }

  #lose(waiter: Waiter): void {
    // In any other state it is in progress again already, or its body is being read.
    if (waiter.state === 'waiting') this.#options.onLost(waiter);
  }

  #ran({ request }: Waiter, { run }: Reply): Ran | undefined {
    return run && ranOf(run, this.#options.at(request.job.deadline) - request.since);
  }
}
