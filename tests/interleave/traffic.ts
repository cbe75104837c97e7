import { Problem } from '#shared/contract/errors.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import type { Handler, HandlerReply, RunContext } from '../../worker/handlers/handler.ts';
import type { ClusterGateway } from './cluster.ts';
import { runIn, runOutside } from './floor/sim-process.ts';
import type { SimProcess } from './floor/sim-process.ts';
import { virtualClock } from './floor/virtual-clock.ts';
import type { Kind } from './kinds.ts';

/** One request of a schedule. */
export interface Sent {
  readonly n: number;
  readonly kind: Kind;
  readonly key: string;
  /**
   * `lost`: its gateway has died. `left`: its client has left. `accepted`: nobody waits, and its record says
   * what became of it.
   */
  state: 'unsent' | 'waiting' | 'told' | 'left' | 'lost' | 'accepted';
  id: string | undefined;
  gateway: ClusterGateway | undefined;
  /** What the client was told, in order: there may be one answer. */
  readonly answers: string[];
  /**
   * `asked`: somebody wants to cancel it. When that was answered there had been so many runs of all requests,
   * and so many attempts of this one; no further one may begin.
   */
  cancel: 'asked' | { readonly runs: number; readonly attempts: number } | undefined;
}

/** One run of a request by a handler. */
export interface Run {
  readonly n: number;
  /** The number of the request. */
  readonly of: number;
  readonly requestId: string;
  /** The replica of the worker. */
  readonly replica: string;
  readonly generation: number;
  readonly process: SimProcess;
  readonly attempt: number;
  /** When its handler can end, in virtual time. */
  readonly endsMs: number;
  state: 'running' | 'answered' | 'failed' | 'aborted';
  /** Whether the handler was told to end: its request is over. */
  readonly aborted: () => boolean;
  /** Another worker had taken the lease before this run ended. */
  superseded: boolean;
  finish: (outcome: Exclude<RunOutcome, 'kills its worker'>) => void;
}

/** How a handler ends a run. */
export const runOutcomes = ['answers', 'throws', 'is unavailable', 'kills its worker'] as const;
export type RunOutcome = (typeof runOutcomes)[number];

/** What clients send, what handlers run, and what the clients are told. */
export class Traffic {
  readonly requests: Sent[] = [];
  readonly runs: Run[] = [];
  /** The runs that began since the last look. */
  readonly begun: Run[] = [];
  /** A run that began while another one of its line was under way. */
  readonly overlaps: { readonly first: Run; readonly second: Run }[] = [];

  readonly #runMs: () => number;

  /** @param runMs decides how long a handler takes at least, in ms. */
  constructor(runMs: () => number) {
    this.#runMs = runMs;
  }

  add(kind: Kind, key: string): void {
    const n = this.requests.length;
    this.requests.push({
      n,
      kind,
      key,
      id: undefined,
      gateway: undefined,
      answers: [],
      cancel: undefined,
      state: 'unsent',
    });
  }

  /** The requests that nobody has an answer to yet. */
  get unanswered(): readonly Sent[] {
    return this.requests.filter(({ state }) => state === 'unsent' || state === 'waiting');
  }

  /** The runs whose handlers can end now. */
  get due(): readonly Run[] {
    return this.runs.filter(
      ({ state, process, endsMs }) =>
        state === 'running' && process.state === 'running' && endsMs <= virtualClock.nowMs,
    );
  }

  /** Whether each client has its answer, and nothing runs any more. */
  get isOver(): boolean {
    const runs = this.runs.some(({ state, process }) => state === 'running' && process.state !== 'dead');
    return this.unanswered.length === 0 && !runs;
  }

  /** Sends a request to a gateway. */
  send(sent: Sent, to: ClusterGateway): void {
    sent.state = 'waiting';
    sent.gateway = to;
    const { n, kind, key } = sent;
    const { method, headers } = kind;
    const request = {
      method,
      target: kind.shared ? '/shared' : `/r/${n}`,
      headers: ['host', 'sim', 'Ringpost-Key', key, ...headers],
      body: Buffer.alloc(0),
    };
    runIn(to.process, () => {
      if (kind.async) {
        to.gateway.accept(request).then(
          (id) => {
            sent.id = id;
            sent.state = 'accepted';
          },
          (error: unknown) =>
            this.#tell(sent, error instanceof Problem ? error.code : `thrown ${String(error)}`),
        );
        return;
      }
      try {
        sent.id = to.gateway.dispatch(request, {
          settle: ({ result }) => this.#tell(sent, textOf(result)),
          begin: () => undefined,
          hint: () => undefined,
        });
      } catch (error) {
        this.#tell(sent, error instanceof Problem ? error.code : `thrown ${String(error)}`);
      }
    });
  }

  /** The client of a request closes its connection. */
  leave(sent: Sent): void {
    const { id, gateway } = sent;
    sent.state = 'left';
    if (id !== undefined && gateway !== undefined) runIn(gateway.process, () => gateway.gateway.leave(id));
  }

  /** Somebody cancels an async request. */
  cancel(sent: Sent, { process, gateway }: ClusterGateway): void {
    const { id } = sent;
    if (id === undefined) return;
    sent.cancel = 'asked';
    runIn(process, () =>
      gateway.cancel(id).then(
        (known) => {
          if (known === undefined) return;
          const { state, attempts } = known.record;
          sent.cancel = { runs: this.runs.length, attempts: state === 'running' ? attempts : 0 };
        },
        () => undefined,
      ),
    ).catch(() => undefined);
  }

  /** The clients of a gateway that has died lose their connections. */
  onDeath(process: SimProcess): void {
    for (const sent of this.requests)
      if (sent.gateway?.process === process && sent.state === 'waiting') sent.state = 'lost';
  }

  /** @returns the handler of a worker. It runs until the schedule ends the run. */
  handlerOf(replica: string, generation: number, process: SimProcess): Handler {
    return {
      handle: ({ target }, context) =>
        new Promise<HandlerReply>((resolve, reject) => {
          runOutside(() => this.#begin(target, context, { replica, generation, process, resolve, reject }));
        }),
      close: () => Promise.resolve(),
    };
  }

  #begin(
    target: string,
    { requestId, attempt, signal }: RunContext,
    by: Pick<Run, 'replica' | 'generation' | 'process'> & {
      resolve: (reply: HandlerReply) => void;
      reject: (error: unknown) => void;
    },
  ): void {
    const { replica, generation, process, resolve, reject } = by;
    const n = this.runs.length;
    const of = target === '/shared' ? -1 : Number(target.slice('/r/'.length));
    const delayMs = this.#runMs();
    // It makes time pass until then.
    if (delayMs > 0) runIn(process, () => setTimeout(() => undefined, delayMs));
    const run: Run = {
      endsMs: virtualClock.nowMs + delayMs,
      n,
      of,
      requestId,
      replica,
      generation,
      process,
      attempt,
      state: 'running',
      superseded: false,
      aborted: () => signal.aborted,
      finish: (outcome) => {
        if (run.state !== 'running') return;
        run.state = signal.aborted ? 'aborted' : outcome === 'answers' ? 'answered' : 'failed';
        runIn(process, () => {
          if (signal.aborted) reject(signal.reason);
          else if (outcome === 'throws') reject(new Error('the handler throws'));
          else resolve({ status: outcome === 'answers' ? 200 : 503, headers: [], body: `run ${n}` });
        });
      },
    };
    this.#noteOverlaps(run);
    this.runs.push(run);
    this.begun.push(run);
  }

  #noteOverlaps(second: Run): void {
    const line = this.#lineOf(second);
    if (line === undefined) return;
    for (const first of this.runs)
      if (first.state === 'running' && first.process.state !== 'dead' && this.#lineOf(first) === line)
        this.overlaps.push({ first, second });
  }

  /** The line of a request whose kind runs one at a time. */
  #lineOf({ of }: Run): string | undefined {
    const sent = this.requests[of];
    return sent?.kind.oneAtATime ? `${sent.kind.name} ${sent.key}` : undefined;
  }

  #tell(sent: Sent, answer: string): void {
    sent.answers.push(answer);
    if (sent.state === 'waiting') sent.state = 'told';
  }
}

/** @returns the code of a problem, or status and body. */
export function textOf(result: Problem | HttpReply): string {
  if (result instanceof Problem) return result.code;
  return result.problem ?? `${result.status} ${Buffer.from(result.body).toString()}`;
}
