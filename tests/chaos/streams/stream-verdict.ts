import type { Finding } from '../verdict.ts';
import type { StreamRecord } from './stream-record.ts';

/** What became of streams. */
export interface StreamVerdict {
  readonly streams: number;
  /** Those that ended cleanly with all their bytes. */
  readonly whole: number;
  readonly bytes: number;
  readonly left: number;
  readonly resumed: number;
  /** Those that were broken off, or did not begin, by what the client saw. */
  readonly broken: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  /** A byte that is not the right one at its place. */
  readonly wrong: readonly Finding[];
  /** A clean end with fewer or more bytes than the answer has. */
  readonly short: readonly Finding[];
  /** No end at all. */
  readonly silent: readonly Finding[];
  /** Kept streams that ended and could not be read whole. */
  readonly notKept: readonly Finding[];
}

export function judgeStreams(records: readonly StreamRecord[]): StreamVerdict {
  const broken = new Map<string, number>();
  const refused = new Map<string, number>();
  const count = (counts: Map<string, number>, code: string): void =>
    void counts.set(code, (counts.get(code) ?? 0) + 1);
  const findings = (holds: (record: StreamRecord) => string | undefined): Finding[] =>
    records.flatMap((record) => {
      const why = holds(record);
      return why === undefined ? [] : [{ id: record.id, why }];
    });
  for (const { ending } of records) {
    if (ending.kind === 'broken') count(broken, ending.code);
    if (ending.kind === 'refused') count(refused, ending.code);
  }
  return {
    streams: records.length,
    whole: records.filter(isWhole).length,
    bytes: records.reduce((sum, { bytes }) => sum + bytes, 0),
    left: records.filter(({ ending }) => ending.kind === 'left').length,
    resumed: records.reduce((sum, { resumed }) => sum + resumed, 0),
    broken,
    refused,
    wrong: findings(({ wrongAt }) => (wrongAt === undefined ? undefined : `byte ${wrongAt} is wrong`)),
    short: findings(({ ending, bytes, wanted }) =>
      ending.kind === 'clean' && bytes !== wanted ? `${bytes} of ${wanted} bytes` : undefined,
    ),
    silent: findings(({ ending, bytes }) =>
      ending.kind === 'silence' ? `nothing followed ${bytes} bytes` : undefined,
    ),
    notKept: findings(({ kind, ending, readWhole }) =>
      kind === 'kept' && ending.kind === 'clean' && readWhole === false ? 'it is not kept whole' : undefined,
    ),
  };
}

function isWhole({ ending, bytes, wanted, wrongAt }: StreamRecord): boolean {
  return ending.kind === 'clean' && bytes === wanted && wrongAt === undefined;
}

/** @returns sentences on what no fault excuses. */
export function alwaysUnmetOfStreams({ wrong, short, silent, notKept }: StreamVerdict): string[] {
  const found: [readonly Finding[], string][] = [
    [wrong, 'streams have wrong bytes'],
    [short, 'streams ended cleanly with another length'],
    [silent, 'streams never ended'],
    [notKept, 'kept streams could not be read whole'],
  ];
  return found.flatMap(([findings, what]) => {
    const [first] = findings;
    return first === undefined ? [] : [`${findings.length} ${what}, e.g. ${first.id} (${first.why})`];
  });
}

/**
 * @param spared the streams that the fault must not hit
 * @returns a sentence if such a stream was broken while the fault lasted.
 */
export function hitOf(
  records: readonly StreamRecord[],
  { from, to }: { readonly from: number; readonly to: number },
  spared: (record: StreamRecord) => boolean,
): string[] {
  const hit = records.filter(
    (record) =>
      record.ending.kind === 'broken' && record.ended >= from && record.sent <= to && spared(record),
  );
  const [first] = hit;
  if (first === undefined) return [];
  const seen = `${first.id} of ${first.replica} after ${first.bytes} bytes`;
  return [`${hit.length} streams were broken that the fault did not concern, e.g. ${seen}`];
}

/** @returns the verdict in a few words. */
export function streamNote(verdict: StreamVerdict): string {
  const { streams, whole, bytes, left, resumed, broken, refused } = verdict;
  const sum = (counts: ReadonlyMap<string, number>): number =>
    [...counts.values()].reduce((total, count) => total + count, 0);
  const codes = (counts: ReadonlyMap<string, number>): string =>
    counts.size === 0 ? '' : ` (${[...counts].map(([code, count]) => `${count} ${code}`).join(', ')})`;
  return [
    `${streams} streams, ${(bytes / 1e6).toFixed(1)} MB`,
    `${whole} whole`,
    `${sum(broken)} broken${codes(broken)}`,
    ...(left > 0 ? [`${left} left`] : []),
    ...(resumed > 0 ? [`taken up ${resumed} times`] : []),
    `${sum(refused)} not begun${codes(refused)}`,
  ].join('; ');
}
