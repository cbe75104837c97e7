import { isCount } from '../../contract/json-object.ts';
import { script } from './script.ts';

/** Names and values of a hash. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** One consistent picture of the ring, as it is stored. */
export interface StoredRing {
  /** -1 if nothing was ever desired. */
  readonly version: number;
  readonly desired: Fields;
  readonly ring: Fields;
  readonly retired: Fields;
  readonly settings: Fields;
  readonly upstreamPositions: Fields;
  readonly drained: Fields;
  readonly restarts: Fields;
  readonly slowStarts: Fields;
  readonly ejections: Fields;
  /** JSON; undefined if there are none. */
  readonly upstreams: string | undefined;
  /** The last joining number given. */
  readonly joined: number;
  /** Stands for this state; undefined if none was asked for. */
  readonly mark: string | undefined;
}

/** The mark of a state that a caller knows: `unknown` if it knows none, undefined if it wants no mark. */
type KnownMark = string | undefined;

/**
 * Reads the ring. Returns `same` if it still has the mark that the caller knows, and undefined if one of its
 * numbers cannot be read.
 */
export const readRing = script<{ known: KnownMark }, StoredRing | 'same' | undefined>({
  file: 'read-ring',
  keys: (keys) => [
    keys.version,
    keys.desired,
    keys.ring,
    keys.retired,
    keys.joined,
    keys.settings,
    keys.upstreamPositions,
    keys.upstreams,
    keys.drained,
    keys.restarts,
    keys.slowStarts,
    keys.ejections,
  ],
  args: ({ known }) => [known ?? ''],
  decode: (reply, { known }) => {
    // A number that Lua cannot read ends the list early.
    const parts: unknown[] = Array.isArray(reply) ? reply : [];
    if (known !== undefined && parts.length === 1 && parts[0] === known) return 'same';
    const [version, desired, ring, retired, settings, positions, drained, restarts, ...more] = parts;
    const [slow, ejections, upstreams, joined, mark] = more;
    if (typeof version !== 'number' || !Number.isSafeInteger(version) || !isCount(joined)) return undefined;
    return {
      version,
      desired: fieldsOf(desired),
      ring: fieldsOf(ring),
      retired: fieldsOf(retired),
      settings: fieldsOf(settings),
      upstreamPositions: fieldsOf(positions),
      drained: fieldsOf(drained),
      restarts: fieldsOf(restarts),
      slowStarts: fieldsOf(slow),
      ejections: fieldsOf(ejections),
      upstreams: typeof upstreams === 'string' ? upstreams : undefined,
      joined,
      mark: typeof mark === 'string' ? mark : undefined,
    };
  },
});

/** @returns the names and values of a flat list. */
export function fieldsOf(reply: unknown): [string, string][] {
  const flat: unknown[] = Array.isArray(reply) ? reply : [];
  const fields: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) fields.push([String(flat[at]), String(flat[at + 1])]);
  return fields;
}
