import { isCount } from './json-object.ts';

/**
 * What a record remembers of a request's life:
 *
 *   queued: a worker gave it back without having run it · begun · lost: the worker that had it died
 *   waited: as many requests of its key ran as may
 *   retried: it is to be run again · moved: another replica is to run it again
 *   ended · cancelAsked: it is running, and a client wants it cancelled
 *   cancelled · expired · callback: an attempt to send its callback
 */
export const recordedKinds = [
  'waited',
  'queued',
  'begun',
  'lost',
  'retried',
  'moved',
  'ended',
  'cancelAsked',
  'cancelled',
  'expired',
  'callback',
] as const;
export type RecordedKind = (typeof recordedKinds)[number];

/** An event as it is told to Redis, which adds the time. */
export interface NotedEvent {
  readonly kind: RecordedKind;
  /** 1 for the first. */
  readonly attempt?: number;
  /** The worker, as `adopterOf` names it. */
  readonly worker?: string;
  /** When the worker took the job, in ms since the epoch, in Redis time. */
  readonly taken?: number;
  readonly detail?: string;
}

/** An event as a record has it. */
export interface RecordedEvent extends NotedEvent {
  /** In ms since the epoch, in Redis time. */
  readonly at: number;
}

/** How many events a record keeps: the latest. `addEvent` in `functions.lua` has the same number. */
export const maxEvents = 32;

/** A detail is cut to this many characters. */
const maxDetail = 200;

/** @returns an event as text, without its time. */
export function formatEvent({ kind, attempt, worker, taken, detail }: NotedEvent): string {
  const words = [kind, attempt ?? '-', worker ?? '-', taken ?? '-'];
  const line = detail?.replaceAll(/\s+/g, ' ').slice(0, maxDetail) ?? '';
  return [...words, line].join(' ').trimEnd();
}

const form = /^(\d{1,15}) (\w+) (\d{1,9}|-) (\S+) (\d{1,15}|-)(?: (.*))?$/;

/** @returns undefined for a text that no event has. */
export function parseEvent(text: string): RecordedEvent | undefined {
  const [, at, word, attempt, worker, taken, detail] = form.exec(text) ?? [];
  const kind = recordedKinds.find((each) => each === word);
  if (at === undefined || kind === undefined) return undefined;
  return {
    at: Number(at),
    kind,
    ...(attempt === '-' ? {} : { attempt: Number(attempt) }),
    ...(worker === undefined || worker === '-' ? {} : { worker }),
    ...(taken === '-' ? {} : { taken: Number(taken) }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/**
 * @param hash the fields of a record. A record of a release before has no events.
 * @returns its events, the oldest first. What cannot be read is left out.
 */
export function readEvents(hash: Readonly<Record<string, string>>): readonly RecordedEvent[] {
  const count = Number(hash['events'] ?? 0);
  if (!isCount(count)) return [];
  const kept = Math.min(count, maxEvents);
  return Array.from({ length: kept }, (_, at) => hash[`event:${(count - kept + at) % maxEvents}`] ?? '')
    .map(parseEvent)
    .filter((event) => event !== undefined);
}
