import { describe, expect, it } from 'vitest';
import { unevenAmong, windowLoad } from '../../gateway/autoscale/load.ts';
import type { LoadSample, ReplicaLoad, Uneven } from '../../gateway/autoscale/load.ts';
import { LoadHistory } from '../../gateway/autoscale/load-history.ts';
import type { SeenLoad } from '../../gateway/autoscale/load-history.ts';
import { decide } from '../../gateway/autoscale/rule.ts';
import type { Decision, Standing } from '../../gateway/autoscale/rule.ts';
import { ruleTimes } from '../../gateway/settings/autoscale-rule.ts';

const settings = { min: 2, max: 20, times: ruleTimes };

function replica(name: string, jobs: number, more: Partial<ReplicaLoad> = {}): ReplicaLoad {
  const utilisation = Math.min(1, jobs / 10);
  return { name, jobs, concurrency: 10, utilisation, serving: true, ...more };
}

function standing(counted: number, more: Partial<Standing> = {}): Standing {
  const last = { name: `S${counted}`, serving: true };
  return { desired: counted, counted, serving: counted, last, unchangedMs: Infinity, ...more };
}

/** The load of windows that want so many replicas. */
function seen(long: number, more: { short?: number; highest?: number } = {}): SeenLoad {
  const { short = long, highest = long } = more;
  return {
    short: { wanted: short, hot: [] },
    long: { wanted: long, hot: [] },
    highest,
    seenMs: 300_000,
  };
}

const asked = (load: SeenLoad, counted: number, more: Partial<Standing> = {}): Decision =>
  decide(load, standing(counted, more), settings);

/** Feeds a history with a load that does not change. @returns what it has seen at the end. */
function after(seconds: number, jobs: readonly number[], history = new LoadHistory(ruleTimes)): SeenLoad {
  let load: SeenLoad | undefined;
  for (let at = 0; at <= seconds; at += 2) load = history.add(sampleAt(at * 1000, jobs), jobs.length);
  if (load === undefined) throw new Error('no sample');
  return load;
}

function sampleAt(at: number, jobs: readonly number[]): LoadSample {
  return { at, replicas: jobs.map((each, index) => replica(`S${index + 1}`, each)) };
}

describe('the load of a window', () => {
  const wanted = (...replicas: ReplicaLoad[]): number => windowLoad([{ at: 0, replicas }]).wanted;

  it('wants a replica for each 0.7 of its slots that requests use or wait for', () => {
    expect(wanted(replica('S1', 7), replica('S2', 7))).toBeCloseTo(2);
    expect(wanted(replica('S1', 21), replica('S2', 14))).toBeCloseTo(5);
    expect(wanted(replica('S1', 0), replica('S2', 0))).toBe(0);
  });

  it('takes the utilisation that workers report if that is higher, as with streams', () => {
    expect(
      wanted(replica('S1', 0, { utilisation: 0.7 }), replica('S2', 0, { utilisation: 0.7 })),
    ).toBeCloseTo(2);
  });

  it('counts what waits at a replica that starts or is lost', () => {
    expect(wanted(replica('S1', 7), replica('S2', 14, { serving: false, utilisation: 0 }))).toBeCloseTo(3);
  });

  it('is a mean: a replica that was there for half of it counts half', () => {
    const samples = [sampleAt(0, [7]), sampleAt(2000, [7, 7])];
    expect(windowLoad(samples).wanted).toBeCloseTo(1.5);
  });

  it('does not count what waits at a hot replica', () => {
    const hot = windowLoad([sampleAt(0, [500, 1, 1, 1])]);
    expect(hot.hot).toEqual(['S1']);
    expect(hot.wanted).toBeCloseTo(1 + 0.3 / 0.7);
  });

  it('names no hot replica while others start slowly: they have few keys so far', () => {
    const growing = { growing: true };
    const replicas = [replica('S1', 20), replica('S2', 1, growing), replica('S3', 1, growing)];
    const seenNow = windowLoad([{ at: 0, replicas }]);
    expect(seenNow.hot).toEqual([]);
    // What waits at S1 wants no more replicas than have been added for it.
    expect(seenNow.wanted).toBeCloseTo(1 + 0.2 / 0.7);
  });

  it('has no hot replica if all are busy', () => {
    const busy = windowLoad([sampleAt(0, [500, 400, 450, 480])]);
    expect(busy).toEqual({ wanted: expect.closeTo(183 / 0.7) as number, hot: [] });
    const uneven = windowLoad([sampleAt(0, [500, 12, 12, 12])]);
    expect(uneven).toEqual({ wanted: expect.closeTo(6 / 0.7) as number, hot: [] });
  });
});

describe('a replica is uneven if it has more than twice the mean load', () => {
  const among = (...loads: number[]): Uneven => weighted(...loads.map((load) => [load, 1] as const));
  const weighted = (...replicas: readonly (readonly [load: number, weight: number])[]): Uneven =>
    unevenAmong(
      replicas.map(([load, weight], at) => ({
        name: `S${at + 1}`,
        weight,
        load,
        utilisation: Math.min(1, load),
      })),
    );

  it('and is busy', () => {
    const names = (...loads: number[]): readonly string[] => among(...loads).names;
    expect(names(1, 0.1, 0.1)).toEqual(['S1']);
    expect(names(0.6, 0.1, 0.1)).toEqual([]);
    expect(names(1, 0.4, 0.4)).toEqual([]);
    expect(names(2, 0.4, 0.4)).toEqual(['S1']);
    expect(names(1, 0.2)).toEqual(['S1']);
    expect(names(1, 0.3)).toEqual([]);
    expect(names(1)).toEqual([]);
    expect(names()).toEqual([]);
    expect(names(5, 5, 0.5, 0.5, 0.5)).toEqual(['S1', 'S2']);
  });

  it('then it is hot if the others have room; if not, it counts as twice what they have', () => {
    expect(among(9, 0.5, 0.5)).toMatchObject({ othersHaveRoom: true, counts: new Map([['S1', 0.7]]) });
    expect(among(9, 0.8, 0.8)).toEqual({
      names: ['S1'],
      othersHaveRoom: false,
      counts: new Map([['S1', expect.closeTo(1.6) as number]]),
    });
  });

  it('for its weight: one that shall have more is not hot because it has more', () => {
    expect(weighted([1, 4], [0.25, 1], [0.25, 1]).names).toEqual([]);
    expect(weighted([1.2, 1], [0.25, 1], [0.25, 1]).names).toEqual(['S1']);
    // Half of all weight never has more than twice the mean.
    expect(weighted([4, 3], [0.2, 1], [0.2, 1]).names).toEqual(['S1']);
    expect(weighted([3, 10], [0.2, 1], [0.2, 1]).names).toEqual([]);
    // A light one is hot sooner.
    expect(weighted([0.8, 1], [0.8, 4], [0.8, 4]).names).toEqual(['S1']);
    const busy = weighted([20, 2], [0.8, 1], [0.8, 1], [0.8, 1]);
    expect(busy.counts).toEqual(new Map([['S1', expect.closeTo(3.2) as number]]));
    expect(
      windowLoad([{ at: 0, replicas: [replica('S1', 10, { weight: 4 }), replica('S2', 2)] }]).hot,
    ).toEqual([]);
  });
});

describe('the history', () => {
  it('has no short window before it has seen one, and no highest load before 300 s', () => {
    expect(after(4, [7, 7]).short).toBeUndefined();
    expect(after(6, [7, 7]).short?.wanted).toBeCloseTo(2);
    expect(after(298, [7, 7]).highest).toBeUndefined();
    expect(after(300, [7, 7]).highest).toBeCloseTo(2);
  });

  it('begins anew after a time in which the load was not known', () => {
    const history = new LoadHistory(ruleTimes);
    after(300, [7, 7], history);
    expect(history.add(sampleAt(309_000, [7, 7]), 2).highest).toBeCloseTo(2);
    const later = history.add(sampleAt(320_000, [0, 0]), 2);
    expect(later).toMatchObject({ short: undefined, highest: undefined, seenMs: 0, long: { wanted: 0 } });
  });

  it('remembers the highest load for 300 s', () => {
    const history = new LoadHistory(ruleTimes);
    after(60, [14, 14], history);
    let load: SeenLoad | undefined;
    for (let at = 62; at <= 340; at += 2) load = history.add(sampleAt(at * 1000, [1, 1]), 2);
    expect(load?.highest).toBeGreaterThan(3.9);
    for (let at = 342; at <= 430; at += 2) load = history.add(sampleAt(at * 1000, [1, 1]), 2);
    expect(load?.highest).toBeLessThan(1);
  });

  it('remembers a burst that the long window hardly shows', () => {
    const history = new LoadHistory(ruleTimes);
    let load: SeenLoad | undefined;
    for (let at = 0; at <= 300; at += 2) {
      const burst = at >= 100 && at < 108;
      load = history.add(sampleAt(at * 1000, burst ? [60, 60] : [5, 5]), 2);
    }
    expect(load?.highest).toBeGreaterThan(15);
  });
});

describe('the rule adds', () => {
  it('at once what the short window wants, if that is twice as many', () => {
    expect(asked(seen(3, { short: 9 }), 4)).toMatchObject({ kind: 'up', by: 5, wanted: 9 });
    expect(asked(seen(3, { short: 7.9 }), 4)).toMatchObject({ kind: 'stay' });
  });

  it('else by half towards what the long window wants', () => {
    expect(asked(seen(7.5, { short: 7.5 }), 4)).toMatchObject({ kind: 'up', by: 2, wanted: 8 });
    expect(asked(seen(4.1), 4)).toMatchObject({ kind: 'up', by: 1, wanted: 5 });
    expect(asked(seen(4), 4)).toMatchObject({ kind: 'stay' });
  });

  it('none for those that start already', () => {
    expect(asked(seen(6), 6, { serving: 3 })).toMatchObject({ kind: 'stay' });
  });

  it('no more than there may be, those that an operator holds included', () => {
    expect(asked(seen(50, { short: 90 }), 18)).toMatchObject({ kind: 'up', by: 2, wanted: 20 });
    expect(asked(seen(50, { short: 90 }), 18, { desired: 20 })).toMatchObject({
      kind: 'stay',
      reason: expect.stringContaining('20 at most') as string,
    });
  });

  it('up to the least number at once, whatever the load', () => {
    expect(asked({ ...seen(0), short: undefined }, 1, { desired: 2 })).toMatchObject({ kind: 'up', by: 1 });
  });

  it('none before a whole short window has been seen', () => {
    const load = { ...seen(19), short: undefined, seenMs: 4000 };
    expect(asked(load, 2)).toMatchObject({ kind: 'stay', wanted: undefined });
  });
});

describe('the rule removes', () => {
  it('one at a time down to the upper number of the range, whatever the load', () => {
    const many = asked(seen(30), 22);
    expect(many).toMatchObject({ kind: 'down', by: 1, wanted: 20 });
    expect(many.reason).toBe('22 replicas count, and there may be 20 at most');
    expect(asked(seen(30), 22, { unchangedMs: 5999 }).kind).toBe('stay');
    expect(asked(seen(30), 22, { serving: 1 }).kind).toBe('stay');
    expect(asked(seen(30), 22, { last: undefined }).kind).toBe('stay');
  });

  it('one, if the rest would have been within 0.85 of the target at the highest load', () => {
    expect(asked(seen(2, { highest: 3.4 }), 5)).toMatchObject({ kind: 'down', by: 1, wanted: 2 });
    expect(asked(seen(2, { highest: 3.41 }), 5)).toMatchObject({ kind: 'stay' });
  });

  it('none before 300 s have been seen', () => {
    expect(asked({ ...seen(1), highest: undefined, seenMs: 298_000 }, 5)).toMatchObject({ kind: 'stay' });
  });

  it('none below the least number', () => {
    expect(asked(seen(0), 2)).toMatchObject({ kind: 'stay', wanted: 2 });
  });

  it('none by the count of those that do not serve', () => {
    expect(asked(seen(1.7), 6, { serving: 3 })).toMatchObject({ kind: 'down' });
    expect(asked(seen(1.8), 6, { serving: 3 })).toMatchObject({ kind: 'stay' });
    const last = { name: 'S6', serving: false };
    expect(asked(seen(1.8), 6, { serving: 3, last })).toMatchObject({ kind: 'down' });
  });

  it('never the last one that serves, and none that an operator holds', () => {
    expect(asked(seen(0), 3, { serving: 1 })).toMatchObject({
      kind: 'stay',
      reason: expect.stringContaining('S3 is the last one that serves') as string,
    });
    expect(asked(seen(0), 3, { last: undefined })).toMatchObject({ kind: 'stay' });
  });

  it('the next one only after a short window', () => {
    expect(asked(seen(0), 5, { unchangedMs: 4000 })).toMatchObject({ kind: 'stay' });
    expect(asked(seen(0), 5, { unchangedMs: 6000 })).toMatchObject({ kind: 'down' });
  });
});

it('a hot replica is named only if both windows show it', () => {
  const hot = (short: string[], long: string[]): readonly string[] =>
    asked(
      { short: { wanted: 1, hot: short }, long: { wanted: 1, hot: long }, highest: 1, seenMs: 300_000 },
      4,
    ).hot;
  expect(hot(['S1'], ['S1', 'S2'])).toEqual(['S1']);
  expect(hot([], ['S1'])).toEqual([]);
});
