import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/contract/errors.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { checkPausable, planDrain, planRestart, planResume } from '../../gateway/ring/replica-holds.ts';

function stateOf(names: readonly string[], parts: Partial<RingState> = {}): RingState {
  return {
    version: 1,
    joined: names.length,
    desired: names.map((name, at) => ({ name, joined: at + 1, weight: 1 })),
    ring: new Map(names.map((name) => [name, 1])),
    retired: new Map(),
    settings: new Map(),
    upstreams: [],
    positions: new Map(),
    drained: new Map(),
    restarts: new Map(),
    slowStarts: new Map(),
    ejections: new Map(),
    ...parts,
  };
}

function faultOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Problem) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('planDrain', () => {
  it('takes one replica out of the ring, and is nothing for one that is drained', () => {
    expect(planDrain(stateOf(['S1', 'S2']), 'S2', 7)).toEqual([{ kind: 'drain', name: 'S2', at: 7 }]);
    expect(planDrain(stateOf(['S1', 'S2'], { drained: new Map([['S2', 1]]) }), 'S2', 7)).toEqual([]);
  });

  it('refuses to leave the ring empty, whether the others are lost or drained', () => {
    const refusal = /^409 No replica would own keys without S2/;
    expect(faultOf(() => planDrain(stateOf(['S2']), 'S2', 7))).toMatch(refusal);
    const drained = stateOf(['S1', 'S2'], { drained: new Map([['S1', 1]]) });
    expect(faultOf(() => planDrain(drained, 'S2', 7))).toMatch(refusal);
    const lost = stateOf(['S1', 'S2'], { ring: new Map([['S2', 1]]) });
    expect(faultOf(() => planDrain(lost, 'S2', 7))).toMatch(refusal);
  });
});

it('an unknown replica is 404, and one that was removed is 409', () => {
  const state = stateOf(['S1'], { retired: new Map([['S9', 1]]) });
  for (const act of [
    (name: string) => planDrain(state, name, 7),
    (name: string) => planResume(state, name),
    (name: string) => checkPausable(state, name),
    (name: string) => planRestart(state, new Map([[name, 1]]), false),
  ]) {
    expect(faultOf(() => act('S7'))).toBe('404 There is no replica "S7"; there is S1.');
    expect(faultOf(() => act('S9'))).toBe('409 Replica S9 was removed, and only finishes what it holds.');
  }
});

it('a drained replica cannot be paused, since it owns no keys', () => {
  const state = stateOf(['S1', 'S2'], { drained: new Map([['S2', 1]]) });
  expect(faultOf(() => checkPausable(state, 'S2'))).toMatch(/^409 Replica S2 is drained/);
  expect(faultOf(() => checkPausable(state, 'S1'))).toBe('none');
});

it('a resume ends a drain and a restart, and is nothing for a replica without either', () => {
  const restarts = new Map([['S2', { generation: 3, rolling: true }]]);
  const state = stateOf(['S1', 'S2'], { drained: new Map([['S2', 1]]), restarts });
  expect(planResume(state, 'S2')).toEqual([
    { kind: 'drain', name: 'S2', at: null },
    { kind: 'restart', name: 'S2', restart: null },
  ]);
  expect(planResume(state, 'S1')).toEqual([]);
});
