import type {
  AddedJob,
  NoteOutcome,
  ProtocolEvent,
  StepKind,
  Steps,
  TracedEvent,
} from '#shared/trace/protocol-event.ts';

/** The TTL of the leases of a story, in ms. */
export const leaseMs = 5000;

interface SettledHow {
  readonly replica?: string;
  readonly fence?: number;
  readonly outcome?: Steps['settle']['outcome'];
}

/**
 * Writes histories for tests of the rules: each method appends what one process does, a millisecond after
 * what came before. There are a gateway, and one worker for each taking of a lease.
 */
export class Story {
  readonly events: TracedEvent[] = [];
  #at = 1_000_000;
  #eventUs = 1000;
  #calls = 0;
  /** The call of a reply that was asked for alone. */
  #replying = 0;
  /** The fence of the latest holder of each replica. */
  readonly #fences = new Map<string, number>();
  readonly #holders = new Map<string, string>();

  /** Lets time pass, in ms. It is the time of the next event. */
  pass(ms: number): this {
    this.#at += ms * 1000;
    // Something is noted, so that the time is known.
    return this.#write('client', { kind: 'client.asked', client: 'x', method: 'GET' });
  }

  /** All events that follow have the same time, as in the virtual time of the interleavings. */
  atOnce(): this {
    this.#eventUs = 0;
    return this;
  }

  /** A worker takes the lease of a replica. */
  lease(replica: string, fence: number, { holder = `${replica}#1` } = {}): this {
    const source = sourceOf(replica, fence);
    const since = this.#at;
    this.#step(source, 'lease.take', { replica, holder, own: true, leaseMs }, { fence });
    this.#fences.set(replica, fence);
    this.#holders.set(replica, holder);
    return this.#write(source, { kind: 'lease.certain', replica, fence, since, leaseMs });
  }

  renewed(replica: string): this {
    const fence = this.#fences.get(replica) ?? 0;
    const event = { kind: 'lease.certain', replica, fence, since: this.#at, leaseMs } as const;
    return this.#write(sourceOf(replica, fence), event);
  }

  leaseEnded(replica: string): this {
    const holder = this.#holders.get(replica) ?? '';
    return this.#step('controller', 'lease.end', { replica, holder }, true);
  }

  added(id: string, job: Partial<AddedJob> = {}, replica = 'S1', source = 'gateway'): this {
    const added = { id, redelivery: 'safe', recorded: false, leftMs: 30_000, ...job } as const;
    return this.#step(source, 'add', { replica, jobs: [added] }, { delivered: 0 });
  }

  /** An async request is accepted and added. */
  accepted(id: string, replica = 'S1'): this {
    return this.#step('gateway', 'accept', { id, replica }, 'noted').added(id, { recorded: true }, replica);
  }

  taken(ids: readonly string[], replica = 'S1', fence = this.#fences.get(replica) ?? 0): this {
    return this.#step(sourceOf(replica, fence), 'take', { replica, fence }, ids);
  }

  starting(id: string, upTo: 'asked' | 'done' = 'done', outcome: NoteOutcome = 'noted'): this {
    if (upTo === 'done') return this.#step('worker', 'start', { id, attempt: 1 }, outcome, id);
    return this.#ask('worker', 'start', { id, attempt: 1 }, id);
  }

  begun(id: string, replica = 'S1', fence = this.#fences.get(replica) ?? 0, attempt = 1): this {
    return this.#write(sourceOf(replica, fence), { kind: 'begun', id, replica, fence, attempt });
  }

  ended(id: string, replica = 'S1', fence = this.#fences.get(replica) ?? 0, attempt = 1): this {
    return this.#write(sourceOf(replica, fence), { kind: 'ended', id, replica, fence, attempt, status: 200 });
  }

  replied(id: string, { replica = 'S1', fence = this.#fences.get(replica) ?? 0, outcome = true } = {}): this {
    const replies = [{ id, status: 200 }];
    return this.#step(sourceOf(replica, fence), 'reply', { replica, fence, replies }, outcome);
  }

  /** A reply is asked for; {@link repliedAt} is its acknowledgement. */
  replying(id: string, replica = 'S1'): this {
    const fence = this.#fences.get(replica) ?? 0;
    this.#ask(sourceOf(replica, fence), 'reply', { replica, fence, replies: [{ id, status: 200 }] });
    this.#replying = this.#calls;
    return this;
  }

  repliedAt(replica = 'S1', fence = 10): this {
    const event = { kind: 'reply', step: 'done', call: this.#replying, outcome: true } as const;
    return this.#write(sourceOf(replica, fence), event);
  }

  settled(
    id: string,
    state = 'succeeded',
    { replica = 'S1', fence = this.#fences.get(replica) ?? 0, outcome = 'settled' }: SettledHow = {},
  ): this {
    return this.#step(
      sourceOf(replica, fence),
      'settle',
      { replica, fence, state, id, status: 200 },
      outcome,
    );
  }

  /** A stream is opened and ended. @param length of the answer; without it, the stream is aborted. */
  streamed(id: string, length?: number, replica = 'S1'): this {
    const fence = this.#fences.get(replica) ?? 0;
    const source = sourceOf(replica, fence);
    this.#step(source, 'stream.open', { replica, fence, ids: [id] }, true);
    const end = length === undefined ? { id, aborted: true } : { id, aborted: false, length };
    return this.#step(source, 'stream.end', { replica, fence, ends: [end] }, true);
  }

  told(
    id: string,
    status: number,
    code?: string,
    { bytes = 2, aborted }: { bytes?: number; aborted?: string } = {},
  ): this {
    const said = { id, status, code, mode: 'wait', bytes, aborted, method: 'GET' } as const;
    return this.#write('gateway', { kind: 'told', ...said });
  }

  clientTold(id: string, status: number): this {
    return this.#write('client', { kind: 'client.told', client: `client-${id}`, id, status });
  }

  cancelled(id: string, outcome: Steps['cancel']['outcome']): this {
    return this.#step('gateway', 'cancel', { id }, outcome);
  }

  marked(id: string): this {
    return this.#step('gateway', 'mark', { id }, true);
  }

  takenBack(id: string, outcome: Steps['takeBack']['outcome'] = 'taken', replica = 'S1'): this {
    return this.#step('gateway', 'takeBack', { replica, id }, outcome);
  }

  endedUnstarted(id: string): this {
    return this.#step('gateway', 'endUnstarted', { id }, true);
  }

  claimed(scope: string, id: string): this {
    return this.#step('gateway', 'claim', { scope, id }, id);
  }

  crashed(id: string, crashes: number, alone = false, replica = 'S1'): this {
    const ask = { replica, id, death: String(crashes), counts: true };
    return this.#step(sourceOf(replica, this.#fences.get(replica) ?? 0), 'crash', ask, { crashes, alone });
  }

  /** It becomes an active job after a crash. */
  suspected(id: string, alone: boolean, replica = 'S1'): this {
    const source = sourceOf(replica, this.#fences.get(replica) ?? 0);
    return this.#step(source, 'suspect', { replica, id, alone, poison: false }, true);
  }

  closed(source: string): this {
    return this.#write(source, { kind: 'closed' });
  }

  redisFault(ended: boolean): this {
    return this.#write('client', { kind: 'redis.fault', ended });
  }

  #step<Kind extends StepKind>(
    source: string,
    kind: Kind,
    ask: Steps[Kind]['ask'],
    outcome: Steps[Kind]['outcome'],
    pending?: string,
  ): this {
    const known = pending === undefined ? undefined : this.#pending.get(pending);
    if (known === undefined) this.#ask(source, kind, ask);
    const call = known ?? this.#calls;
    // The kind goes with what comes of it.
    return this.#write(source, { kind, step: 'done', call, outcome } as unknown as ProtocolEvent);
  }

  readonly #pending = new Map<string, number>();

  #ask<Kind extends StepKind>(source: string, kind: Kind, ask: Steps[Kind]['ask'], pending?: string): this {
    this.#calls += 1;
    if (pending !== undefined) this.#pending.set(pending, this.#calls);
    // The kind goes with what is asked for.
    return this.#write(source, { kind, step: 'asked', call: this.#calls, ask } as unknown as ProtocolEvent);
  }

  #write(source: string, event: ProtocolEvent): this {
    this.events.push({ ...event, at: this.#at, source });
    this.#at += this.#eventUs;
    return this;
  }
}

function sourceOf(replica: string, fence: number): string {
  return `worker-${replica}-${fence}`;
}
