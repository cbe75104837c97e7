/** How evenly requests are distributed among replicas. */
export interface Spread {
  readonly mean: number;
  readonly most: number;
  readonly least: number;
  /** 1 if all are equal. */
  readonly mostToMean: number;
  readonly leastToMean: number;
  /** Coefficient of variation: the standard deviation divided by the mean; 0 if all are equal. */
  readonly variation: number;
}

/** @param counts the requests of each replica, of which there is at least one. */
export function spreadOf(counts: readonly number[]): Spread {
  const mean = sum(counts) / counts.length;
  const most = Math.max(...counts);
  const least = Math.min(...counts);
  const variance = sum(counts.map((count) => (count - mean) ** 2)) / counts.length;
  return {
    mean,
    most,
    least,
    mostToMean: most / mean,
    leastToMean: least / mean,
    variation: Math.sqrt(variance) / mean,
  };
}

/** How well counts agree with expected shares. */
export interface Fit {
  /** Pearson's statistic. */
  readonly chiSquare: number;
  readonly degrees: number;
  /** By chance, one run in a hundred exceeds this value. */
  readonly limit: number;
}

/** The 99 % quantiles of the chi-square distribution with 1, 2 … degrees of freedom, from any table. */
const quantiles = [6.635, 9.21, 11.345, 13.277, 15.086, 16.812, 18.475, 20.09] as const;

/**
 * Pearson's chi-square test of counts against shares.
 * @param shares the shares of the same replicas; they add up to 1. With a share of 0, nothing is expected.
 * @throws RangeError for more replicas than there are quantiles.
 */
export function fitOf(counts: readonly number[], shares: readonly number[]): Fit {
  const total = sum(counts);
  const terms = counts.map((count, at) => {
    const expected = (shares[at] ?? 0) * total;
    if (expected === 0) return count === 0 ? 0 : Number.POSITIVE_INFINITY;
    return (count - expected) ** 2 / expected;
  });
  const degrees = shares.filter((share) => share > 0).length - 1;
  if (degrees === 0) return { chiSquare: sum(terms), degrees, limit: 0 };
  const limit = quantiles[degrees - 1];
  if (limit === undefined) throw new RangeError(`no quantile for ${degrees} degrees of freedom`);
  return { chiSquare: sum(terms), degrees, limit };
}

/** @returns the standard deviation of the binomial number of requests of a replica with this share. */
export function deviationOf(requests: number, share: number): number {
  return Math.sqrt(requests * share * (1 - share));
}

/**
 * @param percent above 0, at most 100.
 * @returns the smallest value that this percentage does not exceed (nearest rank); NaN without values.
 */
export function percentile(values: readonly number[], percent: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.ceil((percent / 100) * ascending.length) - 1] ?? Number.NaN;
}

/** @returns the middle value, or the mean of the two middle values; NaN without values. */
export function median(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  const upper = ascending[Math.floor(ascending.length / 2)] ?? Number.NaN;
  const lower = ascending[Math.ceil(ascending.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
