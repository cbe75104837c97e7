import type { LiveRequestView, TimelineEventView, TimelineKind } from '#shared/contract/api/requests.ts';
import type { RecordedEvent } from '#shared/contract/request-events.ts';
import type { RequestRecord } from '#shared/contract/request-record.ts';
import { keyWait } from '../records/request-view.ts';
import { ordinal } from './phrases.ts';

/** What is known of a request. */
export interface TimelineSources {
  /** The replica whose queue has, or had, it; undefined if it was refused before. */
  readonly replica: string | undefined;
  /** What its record, or else its job, says. */
  readonly record: RequestRecord | undefined;
  /** The oldest first. */
  readonly events: readonly RecordedEvent[];
  readonly live: LiveRequestView | undefined;
}

/**
 * Tells the life of a request. Pure.
 * @param onlyViews leaves out why workers died, which may have what a handler wrote.
 * @returns the oldest first.
 */
export function timelineOf(
  { replica, record, events, live }: TimelineSources,
  onlyViews: boolean,
): readonly TimelineEventView[] {
  const timeline: TimelineEventView[] = [];
  const add = (at: number, kind: TimelineKind, text: string, more: Partial<TimelineEventView> = {}): void => {
    timeline.push({ at, kind, attempt: null, worker: null, text, ...more });
  };
  const accepted = record?.accepted ?? live?.at;
  const moved = events.find(({ kind }) => kind === 'moved');
  if (accepted !== undefined && replica !== undefined) {
    add(accepted, 'accepted', 'A gateway accepted the request.');
    // After a move it is the owner from which the request spilled then.
    const owner = moved === undefined && record?.queue === undefined ? record?.spilledFrom : undefined;
    const why = owner === undefined ? '' : `, since ${owner}, the owner of its key, was overloaded`;
    add(accepted, 'queued', `It was added to the queue of ${replica}${why}.`);
  } else if (live !== undefined) {
    add(live.at, 'accepted', 'A gateway received the request.');
  }
  // The events before these may be gone, and with them a move.
  let queue = movedFrom(moved?.detail) ?? record?.queue ?? replica ?? '';
  let last: { attempt: number | null; worker: string | null } = { attempt: null, worker: null };
  for (const event of events) {
    if (event.kind === 'begun') {
      last = { attempt: event.attempt ?? null, worker: event.worker ?? null };
      addBegun(event, queue, last, add);
    } else {
      const { at, kind, text } = shownEvent(event, record, last.worker, onlyViews);
      add(at, kind, text, kind === 'callback' ? { attempt: event.attempt ?? null } : last);
      if (event.kind === 'moved') queue = movedTo(event.detail);
    }
  }
  if (record !== undefined) addUnnoted(record, events, add);
  if (live !== undefined) addLive(live, record === undefined, add);
  return timeline.toSorted((one, other) => one.at - other.at);
}

type Add = (at: number, kind: TimelineKind, text: string, more?: Partial<TimelineEventView>) => void;
type Run = Pick<TimelineEventView, 'attempt' | 'worker'>;

function addBegun(
  { at, taken = at, attempt, worker }: RecordedEvent,
  replica: string,
  run: Run,
  add: Add,
): void {
  const by = worker ?? 'A worker';
  if (worker !== undefined && !worker.startsWith(`${replica}#`))
    add(taken, 'adopted', `${by} took it, since it had adopted the queue of ${replica}.`, run);
  else add(taken, 'taken', `${by} took it from the queue.`, run);
  add(
    at,
    'begun',
    `${by} began to run it${(attempt ?? 1) > 1 ? `, for the ${ordinal(attempt ?? 1)} time` : ''}.`,
    run,
  );
}

function shownEvent(
  { at, kind, detail }: RecordedEvent,
  record: RequestRecord | undefined,
  lastWorker: string | null,
  onlyViews: boolean,
): { readonly at: number; readonly kind: TimelineKind; readonly text: string } {
  const worker = lastWorker ?? 'Its worker';
  switch (kind) {
    case 'waited':
      return { at, kind: 'queued', text: keyWait(detail ?? 'others') };
    case 'queued':
      return { at, kind, text: 'The worker that had taken it ended before it began; it waits again.' };
    case 'lost': {
      const why = detail === undefined || detail === '' || onlyViews ? '' : `: ${detail}`;
      return { at, kind, text: `${worker} died while it had the request${why}.` };
    }
    case 'retried':
      return { at, kind, text: `Its answer was ${detail ?? 'a failure'}; it waits to be run again.` };
    case 'moved':
      return {
        at,
        kind: 'queued',
        text: `A gateway selected its replica anew: it was moved to the queue of ${movedTo(detail)}.`,
      };
    case 'ended':
      return { at, kind, text: endText(record) };
    case 'cancelAsked':
      return { at, kind: 'cancelled', text: 'A client asked to cancel it while it was running.' };
    case 'cancelled':
      return { at, kind, text: 'It was cancelled.' };
    case 'expired':
      return { at, kind, text: 'It had not ended by its deadline.' };
    case 'callback': {
      const [state = '', answer = 'no answer'] = (detail ?? '').split(' ', 2);
      return { at, kind, text: `A gateway sent its callback: ${answer}, ${callbackText(state)}.` };
    }
    case 'begun':
      return { at, kind, text: `${worker} began to run it.` };
    default:
      return kind satisfies never;
  }
}

/** @returns the replica from which a request was moved; undefined if it was not. */
function movedFrom(detail: string | undefined): string | undefined {
  return detail?.slice(0, Math.max(0, detail.indexOf(' ')));
}

/** @returns the replica to which a request was moved. Its event names the one before, too. */
function movedTo(detail = ''): string {
  return detail.slice(detail.indexOf(' ') + 1);
}

function callbackText(state: string): string {
  return state === 'retrying' ? 'it is sent again later' : state;
}

function endText(record: RequestRecord | undefined): string {
  const { status, code } = record ?? {};
  const answer = status === undefined ? '' : ` with status ${status}`;
  return code === undefined || code.startsWith('http_')
    ? `It ended${answer}.`
    : `It failed${answer}: ${code.replaceAll('_', ' ')}.`;
}

/** Adds what the fields of a record say and its events do not: a worker of a release before noted none. */
function addUnnoted(record: RequestRecord, events: readonly RecordedEvent[], add: Add): void {
  const { started, finished, attempts, deadline, state } = record;
  const has = (...kinds: readonly RecordedEvent['kind'][]): boolean =>
    events.some(({ kind }) => kinds.includes(kind));
  const attempt = attempts || null;
  if (started !== undefined && !has('begun')) add(started, 'begun', 'A worker began to run it.', { attempt });
  if (state === 'expired') {
    if (!has('expired')) add(finished ?? deadline, 'expired', 'It had not ended by its deadline.');
  } else if (state === 'cancelled') {
    if (finished !== undefined && !has('cancelled')) add(finished, 'cancelled', 'It was cancelled.');
  } else if (finished !== undefined && !has('ended')) {
    add(finished, 'ended', endText(record), { attempt });
  }
}

/** @param alone whether nothing else is known of the run. */
function addLive(live: LiveRequestView, alone: boolean, add: Add): void {
  const { at, queueMs, serviceMs, totalMs, status, code, attempt, adoptedBy, replica } = live;
  if (alone && queueMs !== null) {
    const run = { attempt, worker: adoptedBy };
    const by = adoptedBy ?? `The worker of ${replica}`;
    add(at + queueMs, adoptedBy === null ? 'begun' : 'adopted', `${by} began to run it.`, run);
    if (serviceMs !== null) add(at + queueMs + serviceMs, 'ended', 'Its handler answered.', run);
  }
  const after = `after ${Math.round(totalMs)} ms`;
  const text =
    status === 499
      ? `Its client left ${after}.`
      : `The gateway answered ${status} ${after}${code === null ? '' : `: ${code.replaceAll('_', ' ')}`}.`;
  add(at + totalMs, 'replied', text);
}
