import { isCount, parseObject } from './json-object.ts';

/** Why a replica was ejected, in Envoy's words. */
export const ejectionCauses = ['consecutive_5xx', 'consecutive_gateway_failure', 'slow'] as const;
export type EjectionCause = (typeof ejectionCauses)[number];

/** What outlier detection has noted about a replica. All times are in ms since the epoch, in Redis time. */
export interface Ejection {
  /** How often in a row it was ejected; healthy time lowers it again. */
  readonly count: number;
  readonly cause: EjectionCause;
  /** In words, e.g. `7 consecutive 5xx`. */
  readonly detail: string;
  /** The generation of the worker that was ejected. */
  readonly generation: number;
  readonly since: number;
  /** When a probe may end it. */
  readonly until: number;
  /** The probe that was sent last. Its number is the time when it was sent. */
  readonly probe?: number;
  /** A slow replica's probe has to be answered in this time, in ms. */
  readonly limitMs?: number;
  /** When the replica returned. It is out of the ring until this is set. */
  readonly ended?: number;
}

/** @returns the ejection that `text` encodes as JSON; undefined for any other text. */
export function parseEjection(text: string): Ejection | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const { count, detail, generation, since, until, probe, limitMs, ended } = value;
  const cause = ejectionCauses.find((each) => each === value['cause']);
  if (cause === undefined || typeof detail !== 'string') return undefined;
  if (!isCount(count) || !isCount(generation) || !isCount(since) || !isCount(until)) return undefined;
  return {
    count,
    cause,
    detail,
    generation,
    since,
    until,
    ...(isCount(probe) ? { probe } : {}),
    ...(isCount(limitMs) ? { limitMs } : {}),
    ...(isCount(ended) ? { ended } : {}),
  };
}

/** @returns whether the replica is out of the ring. */
export function isOut(ejection: Ejection | undefined): ejection is Ejection {
  return ejection !== undefined && ejection.ended === undefined;
}
