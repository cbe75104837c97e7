import type { ReplicaHold } from '#shared/contract/replica-hold.ts';
import type { ReplicaStatusView, RingView } from '#shared/contract/ring-view.ts';
import type { Paint } from './paint.ts';
import { shownDuration, shownText, shownTime } from './shown.ts';
import { table } from './table.ts';

/** A replica in the document of `ringpost ls --json`. */
export interface ListedReplica {
  readonly name: string;
  readonly state: string;
  /** When it entered the state, as RFC 3339. */
  readonly since: string | null;
  readonly generation: number | null;
  /** How often in a row it was lost. */
  readonly failures: number | null;
  readonly inRing: boolean;
  /** Null for one that was removed. */
  readonly weight: number | null;
  /** What an operator asked for. */
  readonly hold: ReplicaHold | null;
  /** Until when and why outlier detection keeps it out of the ring. */
  readonly ejected: string | null;
  /** Why it is not ready; null if it is, or if that is not known. */
  readonly reason: string | null;
  /** The last lines that its worker wrote to stderr, if it is not ready. */
  readonly stderr: readonly string[];
}

/** States in which a replica serves, is woken when it has to, or ends as it was told to. */
const fine: ReadonlySet<string> = new Set(['ready', 'asleep', 'draining']);

/** @returns the replicas as `ls --json` prints them: desired ones, then those that finish their last work. */
export function listedReplicas({ replicas, retired }: RingView): ListedReplica[] {
  return [
    ...replicas.map((replica) => listed(replica, replica)),
    ...retired.map((replica) => listed(replica, { inRing: false, weight: null })),
  ];
}

function listed(
  replica: ReplicaStatusView,
  place: Pick<ListedReplica, 'inRing' | 'weight'> & {
    readonly hold?: ReplicaHold | null;
    readonly ejected?: string | null;
  },
): ListedReplica {
  const { name, state, since, generation, failures, crash } = replica;
  const isFine = fine.has(state);
  return {
    name,
    state,
    since: shownTime(since),
    generation: generation ?? null,
    failures: failures ?? null,
    inRing: place.inRing,
    weight: place.weight,
    hold: place.hold ?? null,
    ejected: place.ejected ?? null,
    reason: isFine ? null : (crash?.reason ?? replica.reason ?? null),
    stderr: isFine ? [] : (crash?.stderr ?? []),
  };
}

/**
 * @param now in ms since the epoch.
 * @returns the lines for people: a table, then the reasons of the replicas that are not ready.
 */
export function replicaLines(replicas: readonly ListedReplica[], now: number, paint: Paint): string[] {
  if (replicas.length === 0) return ['There are no replicas; `ringpost add` adds one.'];
  const hasWeights = replicas.some(({ weight }) => weight !== null && weight !== 1);
  const hasHolds = replicas.some(({ hold, ejected }) => hold !== null || ejected !== null);
  const rows = replicas.map(({ name, state, since, generation, failures, weight, hold, ejected }) => [
    shownText(name),
    colour(state, paint),
    since === null ? '' : shownDuration(now - Date.parse(since)),
    String(generation ?? ''),
    String(failures ?? ''),
    ...(hasWeights ? [String(weight ?? '')] : []),
    ...(hasHolds ? [paint.warning(hold ?? (ejected === null ? '' : 'ejected'))] : []),
  ]);
  const reasons = replicas.flatMap(({ name, reason, stderr }) => {
    if (reason === null && stderr.length === 0) return [];
    const more = stderr.length === 0 ? '' : '; the last lines of its stderr:';
    const head = `${shownText(name)}: ${shownText(reason ?? 'not ready')}${more}`;
    return ['', paint.bold(head), ...stderr.map((line) => paint.dim(`  ${shownText(line)}`))];
  });
  const ejections = replicas.flatMap(({ name, ejected }) =>
    ejected === null ? [] : ['', paint.bold(`${shownText(name)}: ${shownText(ejected)}`)],
  );
  const heads = ['REPLICA', 'STATE', 'SINCE', 'GENERATION', 'FAILURES'];
  if (hasWeights) heads.push('WEIGHT');
  if (hasHolds) heads.push('HOLD');
  return [...table(heads, rows, paint), ...reasons, ...ejections];
}

/** @returns a replica's state in the colour that it has in all tables. */
export function colour(state: string, paint: Paint): string {
  if (state === 'ready') return paint.good(state);
  if (state === 'asleep') return paint.dim(state);
  return state === 'lost' ? paint.bad(state) : paint.warning(state);
}
