import { summarise } from './numbers.ts';
import type { Summary } from './numbers.ts';
import type { Sample } from './sample.ts';

/** Ringpost's values divided by a peer's: computed in each round, then summarised. */
export interface Ratios {
  /** Ratios of the rates, by number of connections. */
  readonly rate: ReadonlyMap<number, Summary>;
  /** Ratios of the 99th percentile of latency, by number of connections. Less is better. */
  readonly p99: ReadonlyMap<number, Summary>;
}

/**
 * @param samples of one kind of request
 * @param ours name of the system whose values are divided by the others'
 * @returns the ratios by the name of the other system.
 */
export function ratiosOf(samples: readonly Sample[], ours: string): Map<string, Ratios> {
  const names = new Set(samples.map(({ system }) => system).filter((name) => name !== ours));
  const counts = new Set(samples.map(({ connections }) => connections));
  const own = new Map(
    samples
      .filter(({ system }) => system === ours)
      .map((sample) => [`${sample.round} ${sample.connections}`, sample]),
  );
  const compare = (name: string, of: (sample: Sample) => number): Map<number, Summary> => {
    const byCount = new Map<number, Summary>();
    for (const connections of counts) {
      const values = samples
        .filter((sample) => sample.system === name && sample.connections === connections)
        .flatMap((theirs) => {
          const mine = own.get(`${theirs.round} ${connections}`);
          return mine === undefined || of(theirs) === 0 ? [] : [of(mine) / of(theirs)];
        });
      const summary = summarise(values);
      if (summary !== undefined) byCount.set(connections, summary);
    }
    return byCount;
  };
  return new Map(
    [...names].map((name) => [
      name,
      { rate: compare(name, ({ rate }) => rate), p99: compare(name, ({ load }) => load.p99) },
    ]),
  );
}

/** The ratios for `--json`: `{"<request>": {"<peer>": {"c1": n, "c16": n, "c64": n, "p99_c64": n}}}`. */
export type RatiosJson = Record<string, Record<string, Record<string, number>>>;

/** @returns the medians of the ratios, by kind of request and peer. */
export function ratiosJson(samples: readonly Sample[], ours: string): RatiosJson {
  const short = (value: number): number => Number(value.toPrecision(4));
  const peers = (own: readonly Sample[]): RatiosJson[string] =>
    Object.fromEntries(
      [...ratiosOf(own, ours)].map(([name, { rate, p99 }]) => [
        name,
        {
          ...Object.fromEntries([...rate].map(([count, { median }]) => [`c${count}`, short(median)])),
          ...Object.fromEntries(
            [...p99].filter(([count]) => count === 64).map(([, { median }]) => ['p99_c64', short(median)]),
          ),
        },
      ]),
    );
  return Object.fromEntries(
    [...Map.groupBy(samples, ({ request }) => request)].map(([request, own]) => [request, peers(own)]),
  );
}
