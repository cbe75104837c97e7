import type { AddedJob, StepKind, Steps, TracedEvent } from '#shared/trace/protocol-event.ts';
import { LeaseLog } from './lease-log.ts';

/** A step in Redis. It was taken between `from` and `to`; `to` is infinite while its outcome is not known. */
export interface Step<Kind extends StepKind = StepKind> {
  readonly kind: Kind;
  readonly source: string;
  readonly from: number;
  to: number;
  readonly ask: Steps[Kind]['ask'];
  /** Undefined while it is not known; boxed, since an outcome may be undefined. */
  outcome: { readonly is: Steps[Kind]['outcome'] } | undefined;
}

/** One call of the handler. */
export interface Begin {
  readonly at: number;
  readonly source: string;
  readonly replica: string;
  readonly fence: number;
  readonly attempt: number;
  /** When the handler had answered, or the worker had answered for it; infinite if neither is known. */
  endedAt: number;
}

/** An answer that a worker has sent or kept. */
export interface Answered {
  readonly step: Step<'reply'> | Step<'settle'> | Step<'stream.open'>;
  readonly status: number | undefined;
  readonly problem: string | undefined;
}

/** What is known of one request. */
export interface RequestHistory {
  readonly id: string;
  job: AddedJob | undefined;
  /** The last time at which its job may have been added by then, per the step's own bounds. */
  readonly adds: Step<'add'>[];
  readonly begins: Begin[];
  readonly answers: Answered[];
  readonly streamEnds: Step<'stream.end'>[];
  /** The steps after which it must not begin. */
  readonly stops: Step<'cancel' | 'mark' | 'endUnstarted' | 'takeBack'>[];
  /** Steps in which a worker reads the data of its job. */
  readonly reads: { readonly from: number }[];
  /** The latest note that it starts. */
  start: Step<'start'> | undefined;
  accept: Step<'accept'> | undefined;
  readonly crashes: Step<'crash'>[];
  /** The steps that made it an active job again after a crash. */
  readonly suspects: Step<'suspect'>[];
  readonly settles: Step<'settle'>[];
  told: { readonly at: number; readonly status: number } | undefined;
  /** What its client has got, if that is in the trace. */
  clientTold: { readonly client: string; readonly status: number } | undefined;
  scope: string | undefined;
}

/** All that a trace says up to an event. It grows by a few hundred bytes for each request. */
export class History {
  readonly leases = new LeaseLog();
  readonly requests = new Map<string, RequestHistory>();
  /** The ids that have had an idempotency key, by its scope. */
  readonly scopes = new Map<string, Set<string>>();
  /** The sources that have ended in order. */
  readonly closed = new Set<string>();
  /** The sources whose begin is known. */
  readonly opened = new Set<string>();
  readonly #open = new Map<string, Step>();
  now = 0;

  request(id: string): RequestHistory {
    let found = this.requests.get(id);
    if (found === undefined) {
      found = {
        id,
        job: undefined,
        adds: [],
        begins: [],
        answers: [],
        streamEnds: [],
        stops: [],
        reads: [],
        start: undefined,
        accept: undefined,
        crashes: [],
        suspects: [],
        settles: [],
        told: undefined,
        clientTold: undefined,
        scope: undefined,
      };
      this.requests.set(id, found);
    }
    return found;
  }

  /**
   * Takes the next event.
   * @returns the step that it is part of, if it is part of one.
   */
  add(event: TracedEvent): Step | undefined {
    this.now = event.at;
    if ('step' in event) return this.#step(event);
    this.#point(event);
    return undefined;
  }

  #step(event: TracedEvent & { readonly step: string }): Step | undefined {
    // Only steps have calls.
    const stepped = event as Extract<TracedEvent, { readonly call: number }>;
    const key = `${stepped.source} ${stepped.call}`;
    if (stepped.step === 'asked') {
      const step = {
        kind: stepped.kind,
        source: stepped.source,
        from: stepped.at,
        to: Number.POSITIVE_INFINITY,
        ask: stepped.ask,
        outcome: undefined,
      } as Step; // the kind goes with what is asked
      this.#open.set(key, step);
      this.#asked(step);
      return step;
    }
    const step = this.#open.get(key);
    this.#open.delete(key);
    if (step === undefined || stepped.step === 'failed') return step;
    step.to = stepped.at;
    step.outcome = { is: stepped.outcome };
    this.#done(step);
    return step;
  }

  #asked(step: Step): void {
    if (isStep(step, 'add')) {
      for (const job of step.ask.jobs) {
        const request = this.request(job.id);
        request.job = job;
        request.adds.push(step);
      }
    } else if (isStep(step, 'reply')) {
      for (const { id, status, problem } of step.ask.replies) this.#answered(id, { step, status, problem });
    } else if (isStep(step, 'settle')) {
      const { id, status, problem } = step.ask;
      this.#answered(id, { step, status, problem });
      this.request(id).settles.push(step);
    } else if (isStep(step, 'stream.open')) {
      for (const id of step.ask.ids) this.#answered(id, { step, status: undefined, problem: undefined });
    } else if (isStep(step, 'stream.end')) {
      for (const { id } of step.ask.ends) this.request(id).streamEnds.push(step);
    } else if (
      isStep(step, 'cancel') ||
      isStep(step, 'mark') ||
      isStep(step, 'endUnstarted') ||
      isStep(step, 'takeBack')
    ) {
      this.request(step.ask.id).stops.push(step);
    } else if (isStep(step, 'start')) this.request(step.ask.id).start = step;
    else if (isStep(step, 'accept')) this.request(step.ask.id).accept = step;
    else if (isStep(step, 'crash')) this.request(step.ask.id).crashes.push(step);
    else if (isStep(step, 'suspect')) {
      this.request(step.ask.id).reads.push(step);
      this.request(step.ask.id).suspects.push(step);
    } else if (isStep(step, 'lease.end')) this.leases.end(step.ask.replica, step.ask.holder, step.from);
  }

  #done(step: Step): void {
    if (isStep(step, 'lease.take')) {
      const fence = step.outcome?.is?.fence;
      if (fence === undefined) return;
      const { replica, holder } = step.ask;
      const [takenFrom, takenTo] = [step.from, step.to];
      this.leases.add({
        replica,
        holder,
        fence,
        takenFrom,
        takenTo,
        certainUntil: takenFrom,
        endedFrom: Number.POSITIVE_INFINITY,
      });
    } else if (isStep(step, 'take')) {
      for (const id of step.outcome?.is ?? []) this.request(id).reads.push(step);
    } else if (isStep(step, 'add')) {
      const { jobs } = step.ask;
      for (const { id } of jobs.slice(0, step.outcome?.is.delivered ?? 0)) this.request(id).reads.push(step);
    } else if (isStep(step, 'claim') && step.outcome?.is === step.ask.id) {
      const { scope, id } = step.ask;
      this.request(id).scope = scope;
      const ids = this.scopes.get(scope);
      if (ids === undefined) this.scopes.set(scope, new Set([id]));
      else ids.add(id);
    }
  }

  #answered(id: string, answered: Answered): void {
    const request = this.request(id);
    request.answers.push(answered);
    // An aborted handler may go on, but nothing that it does is an answer any more.
    const { fence } = answered.step.ask;
    for (const begin of request.begins)
      if (begin.fence === fence) begin.endedAt = Math.min(begin.endedAt, answered.step.from);
  }

  #point(event: TracedEvent): void {
    switch (event.kind) {
      case 'opened':
        this.opened.add(event.source);
        return;
      case 'closed':
        this.closed.add(event.source);
        return;
      case 'lease.certain': {
        const holding = this.leases.find(event.replica, event.fence);
        const until = event.since + event.leaseMs * 1000;
        if (holding !== undefined) holding.certainUntil = Math.max(holding.certainUntil, until);
        return;
      }
      case 'begun': {
        const { at, source, id, replica, fence, attempt } = event;
        const begin = { at, source, replica, fence, attempt, endedAt: Number.POSITIVE_INFINITY };
        this.request(id).begins.push(begin);
        return;
      }
      case 'ended': {
        const { source, fence, attempt } = event;
        const begin = this.request(event.id).begins.findLast(
          (each) => each.source === source && each.fence === fence && each.attempt === attempt,
        );
        if (begin !== undefined) begin.endedAt = Math.min(begin.endedAt, event.at);
        return;
      }
      case 'told':
        this.request(event.id).told = { at: event.at, status: event.status };
        return;
      case 'client.told':
        if (event.id !== undefined) this.request(event.id).clientTold = event;
        return;
      default:
    }
  }
}

/** Narrows a step to one kind. */
export function isStep<Kind extends StepKind>(step: Step, kind: Kind): step is Step<Kind> & Step {
  return step.kind === kind;
}
