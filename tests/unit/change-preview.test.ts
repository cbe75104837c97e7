import { describe, expect, it } from 'vitest';
import type { Ejection } from '#shared/contract/ejection.ts';
import { Problem } from '#shared/contract/errors.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { previewChange } from '../../gateway/ring/change-preview.ts';
import type { AskedChange } from '../../gateway/ring/change-preview.ts';
import { planView } from '../../gateway/ring/plan-view.ts';
import type { LeavingQueue } from '../../gateway/ring/plan-view.ts';
import { planAdd } from '../../gateway/ring/replica-changes.ts';

const limits = { parameters: defaultParameters('murmur3'), maxReplicas: 4, containers: false };
const assignment = { ...limits, parameters: defaultParameters('assignment') };

function stateOf(names: readonly string[], parts: Partial<RingState> = {}, by = limits): RingState {
  const empty: RingState = {
    version: 1,
    joined: 0,
    desired: [],
    ring: new Map(),
    retired: new Map(),
    settings: new Map(),
    upstreams: [],
    positions: new Map(),
    drained: new Map(),
    restarts: new Map(),
    slowStarts: new Map(),
    ejections: new Map(),
  };
  const desired = planAdd(empty, { n: names.length, hostnames: names }, by, () => '').add;
  return {
    ...empty,
    desired,
    joined: desired.length,
    ring: new Map(names.map((name) => [name, 1])),
    ...parts,
  };
}

const asked = (parts: Partial<AskedChange>): AskedChange => ({
  add: [],
  weight: [],
  rm: [],
  drain: [],
  ...parts,
});

function queue(name: string, parts: Partial<LeavingQueue> = {}): LeavingQueue {
  return { name, waiting: 0, running: 0, lines: 0, hasMoreLines: false, paused: false, ...parts };
}

function faultOf(state: RingState, change: Partial<AskedChange>): string {
  try {
    previewChange(state, asked(change), limits);
  } catch (error) {
    if (error instanceof Problem) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'none';
}

const three = stateOf(['S1', 'S2', 'S3']);

describe('the plan of a change', () => {
  it('knows ejections: an ejected replica has no keys, keeps its weight, and is back if no other serves', () => {
    const ejection: Ejection = { count: 1, cause: 'slow', detail: 'x', generation: 1, since: 0, until: 9 };
    const ejections = new Map([['S3', ejection]]);
    const out = stateOf(['S1', 'S2', 'S3'], { ejections });
    const { replicas } = planView(previewChange(out, asked({ rm: ['S2'] }), limits), []);
    expect(replicas.map(({ name, shareAfter }) => [name, shareAfter])).toEqual([
      ['S1', 1],
      ['S2', 0],
    ]);
    expect(faultOf(stateOf(['S1', 'S3'], { ejections }), { drain: ['S1'] })).toMatch(/^400 /);
    const left = previewChange(out, asked({ rm: ['S1', 'S2'] }), limits);
    expect(left.after.members.map(({ name }) => name)).toEqual(['S3']);
    const heavy = out.desired.map((each) => (each.name === 'S3' ? { ...each, weight: 3 } : each));
    const back = { ...out, desired: heavy, ejections: new Map([['S3', { ...ejection, ended: 1 }]]) };
    expect(previewChange(back, asked({ rm: ['S1'] }), limits).before.members.at(-1)).toMatchObject({
      weight: 3,
    });
  });

  it('moves exactly the share of a replica that leaves, and of one that joins', () => {
    for (const by of [limits, assignment]) {
      const state = stateOf(['S1', 'S2', 'S3'], {}, by);
      const gone = planView(previewChange(state, asked({ rm: ['S2'] }), by), []);
      const [, leaving] = gone.replicas;
      expect(leaving).toMatchObject({ name: 'S2', shareAfter: 0 });
      expect(gone.movedShare).toBeCloseTo(leaving?.shareBefore ?? 0, 10);
      const added = planView(previewChange(state, asked({ add: ['S4'] }), by), []);
      const joining = added.replicas.find(({ name }) => name === 'S4');
      expect(joining?.shareBefore).toBe(0);
      // On a ring of slots some keys of others move too.
      if (by === limits) expect(added.movedShare).toBeCloseTo(joining?.shareAfter ?? 0, 10);
      for (const { replicas } of [gone, added])
        expect(replicas.reduce((sum, { shareAfter }) => sum + shareAfter, 0)).toBeCloseTo(1, 10);
    }
  });

  it('counts what waits and runs at replicas that are removed or drained, and says what becomes of it', () => {
    const preview = previewChange(three, asked({ rm: ['S2'], drain: ['S3'] }), limits);
    const view = planView(preview, [
      queue('S2', { waiting: 5, running: 2, paused: true }),
      queue('S3', { lines: 2, waiting: 2 }),
    ]);
    expect(view).toMatchObject({ waiting: 7, running: 2, lines: 2, rm: ['S2'], drain: ['S3'] });
    expect(view.replicas.find(({ name }) => name === 'S1')?.shareAfter).toBe(1);
    expect(view.notes).toEqual([
      `${(view.movedShare * 100).toFixed(1)} % of all keys get another owner.`,
      'S2 finishes what it holds: 2 running and 5 waiting.',
      'S2 is paused; what waits there runs then.',
      'S3 finishes what it holds: 0 running and 2 waiting.',
      'S3: running, without keys, until resumed.',
      '2 keys with ordered requests there: the next ones run at other replicas, and still one after the other.',
    ]);
  });

  it('names new replicas for which a name would be chosen, and says that shares depend on names', () => {
    const view = planView(previewChange(stateOf(['S1']), asked({ add: ['*', 'S9'] }), limits), []);
    expect(view.add).toEqual(['S9', 'new-1']);
    expect(view.notes.join(' ')).toContain('Shares depend on the names');
  });

  it('moves nothing for a replica that is not in the ring', () => {
    const lost = stateOf(['S1', 'S2'], { ring: new Map([['S1', 1]]) });
    const view = planView(previewChange(lost, asked({ rm: ['S2'] }), limits), [queue('S2')]);
    expect(view.movedShare).toBe(0);
    expect(view.notes).toContain('S2 is not in the ring now, so no key moves because of it.');
  });

  it('says that nobody serves after all replicas are removed', () => {
    const view = planView(previewChange(stateOf(['S1']), asked({ rm: ['S1'] }), limits), [queue('S1')]);
    expect(view.movedShare).toBe(1);
    expect(view.notes[0]).toMatch(/^No replica owns keys afterwards/);
  });

  it('is refused as /add, /rm and a drain would be', () => {
    expect(faultOf(three, {})).toMatch(/^400 Name replicas in add, weight, rm or drain/);
    expect(faultOf(three, { add: ['S2'] })).toBe('400 hostname "S2" is already in use');
    expect(faultOf(three, { add: ['S4', 'S4'] })).toBe('400 hostname "S4" is listed twice');
    expect(faultOf(three, { add: ['-'] })).toMatch(/^400 "-" is no valid container hostname/);
    expect(faultOf(three, { add: ['S4', 'S5'] })).toMatch(/^400 n is 2, .* \(MAX_REPLICAS\)$/);
    expect(faultOf(three, { rm: ['S7'] })).toBe('400 there is no replica "S7"');
    expect(faultOf(three, { drain: ['S7'] })).toMatch(/^400 There is no replica "S7"/);
    expect(faultOf(three, { drain: ['S1', 'S2', 'S3'] })).toMatch(/^400 No replica would own keys/);
    expect(faultOf(three, { rm: ['S2'], drain: ['S2'] })).toMatch(/^400 There is no replica "S2"/);
    const upstreams = { upstreams: ['http://a'], positions: new Map([['S1', 0]]) };
    expect(faultOf(stateOf(['S1'], upstreams), { add: ['S2'] })).toMatch(/UPSTREAMS lists 1 server/);
  });
});
