import { describe, expect, it } from 'vitest';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { backoffMs, nextStatus } from '../../gateway/controller/replica-state.ts';
import type { Facts } from '../../gateway/controller/replica-state.ts';
import { lease } from '../fixtures/plan-world.ts';

const now = 10_000;
const nothing: Facts = {
  retired: false,
  lease: undefined,
  adopter: undefined,
  onStandby: false,
  instance: false,
  starting: false,
  death: undefined,
  ended: undefined,
  admitted: undefined,
  sleep: undefined,
  blind: false,
};
const sleep = { since: 7, generation: 4, waking: false, held: 0, dueAt: undefined };

function next(previous: ReplicaStatus | undefined, facts: Partial<Facts>): ReplicaStatus {
  return nextStatus(previous, { ...nothing, ...facts }, { startTimeoutMs: 5000 }, now);
}

function status(state: ReplicaStatus['state'], more: Partial<ReplicaStatus> = {}): ReplicaStatus {
  return { state, since: 9000, generation: 1, failures: 2, ...more };
}

it('the time before the next start grows from the second failure on, up to 30 s', () => {
  expect([0, 1, 2, 3, 6, 7, 8].map(backoffMs)).toEqual([0, 0, 1000, 2000, 16_000, 30_000, 30_000]);
});

describe('a replica whose worker takes jobs', () => {
  it('is ready since the controller saw that, with its failures and their reason', () => {
    const ready = { state: 'ready', since: now, generation: 3, failures: 0 };
    expect(next(undefined, { lease: lease(3) })).toEqual(ready);
    const failed = status('starting', { generation: 3, reason: 'it crashed' });
    expect(next(failed, { lease: lease(3) })).toEqual({ ...ready, failures: 2, reason: 'it crashed' });
  });

  it('is ready for longer only if it is the same worker', () => {
    expect(next(status('ready', { generation: 3 }), { lease: lease(3) }).since).toBe(9000);
    expect(next(status('ready', { generation: 2 }), { lease: lease(3) }).since).toBe(now);
  });

  it('drains if it was removed', () => {
    expect(next(status('ready', { generation: 3 }), { lease: lease(3), retired: true })).toMatchObject({
      state: 'draining',
      since: now,
    });
  });
});

it('the adopter of a queue is known as long as it serves it', () => {
  expect(next(status('lost'), { adopter: 'S2' })).toEqual(status('lost', { adopter: 'S2' }));
  expect(next(status('lost', { adopter: 'S2' }), {})).toStrictEqual(status('lost'));
});

describe('a replica with a note that it sleeps', () => {
  const asleep = { state: 'asleep', since: 7, generation: 4, failures: 0 };

  it.each([undefined, status('ready'), status('draining'), status('asleep')])(
    'sleeps after %j',
    (previous) => {
      expect(next(previous, { sleep })).toEqual(asleep);
    },
  );

  it.each([{ instance: true }, { starting: true }, { lease: lease(5, 'starting') }])(
    'does not sleep with %j, which wakes it',
    (facts) => {
      expect(next(undefined, { sleep, ...facts }).state).toBe('starting');
    },
  );

  it('is lost like any other if its next worker fails', () => {
    expect(next(status('starting'), { sleep })).toMatchObject({ state: 'lost', failures: 3 });
    expect(next(status('lost'), { sleep }).state).toBe('lost');
  });
});

describe('a replica that the controller has not seen before', () => {
  const fresh = { since: now, lostAt: now, failures: 0 };

  it.each([
    [{ lease: lease(5, 'starting') }, { ...fresh, state: 'starting', generation: 5 }],
    [{ instance: true }, { ...fresh, state: 'starting', generation: 0 }],
    [{ starting: true }, { ...fresh, state: 'starting', generation: 0 }],
    [
      { lease: lease(5, 'leaving'), instance: true },
      { ...fresh, state: 'lost', generation: 5 },
    ],
    [{}, { ...fresh, state: 'lost', generation: 0 }],
    [
      { ended: 3, admitted: 3 },
      { ...fresh, state: 'lost', generation: 3, reason: 'its worker ended', dead: true },
    ],
    [
      { ended: 3, admitted: 2 },
      { ...fresh, state: 'lost', generation: 0 },
    ],
    [
      { ended: 3, admitted: 3, retired: true },
      { ...fresh, state: 'lost', generation: 0 },
    ],
  ] as const)('with %j is %j', (facts, expected) => {
    expect(next(undefined, facts)).toEqual(expected);
  });
});

describe('a replica that slept', () => {
  const slept = status('asleep');

  it('is lost without a death once its note is gone', () => {
    const lost = { state: 'lost', since: now, lostAt: now, generation: 1, failures: 0 };
    expect(next(slept, {})).toEqual({ ...lost, reason: 'it slept, and its note is gone' });
    expect(next(slept, { retired: true })).toEqual({ ...lost, reason: 'it slept' });
  });

  it('is left alone while nothing is known of its worker', () => {
    expect(next(slept, { blind: true })).toEqual(slept);
    expect(next(slept, { blind: true, lease: lease(1, 'leaving') }).state).toBe('lost');
  });
});

describe.each(['ready', 'draining'] as const)('a replica that was %s', (state) => {
  const lost = { state: 'lost', since: now, lostAt: now, generation: 1, failures: 3 };

  it.each([
    ['its worker died', { death: 'killed' }, { ...lost, reason: 'killed', dead: true }],
    ['another controller saw the death', { ended: 1 }, { ...lost, reason: 'its worker ended', dead: true }],
    ['an older worker ended', { ended: 0 }, { ...lost, reason: 'its lease ran out' }],
    ['its worker still runs', { death: 'killed', instance: true }, { ...lost, reason: 'killed' }],
    ['it was removed', { death: 'killed', retired: true }, { ...lost, reason: 'killed' }],
    ['its worker leaves', { lease: lease(1, 'leaving') }, { ...lost, reason: 'it leaves' }],
    ['there is no lease', {}, { ...lost, reason: 'its lease ran out' }],
    [
      'it leaves after an outage',
      { blind: true, lease: lease(1, 'leaving') },
      { ...lost, reason: 'it leaves' },
    ],
    ['it died in an outage', { blind: true, death: 'killed' }, { ...lost, reason: 'killed', dead: true }],
  ] as const)('is lost if %s', (_, facts, expected) => {
    expect(next(status(state), facts)).toEqual(expected);
  });

  it('is left alone while nothing is known of its worker', () => {
    expect(next(status(state), { blind: true })).toEqual(status(state));
  });

  it('has its failures counted anew if it was ready for more than a second', () => {
    expect(next(status(state, { since: 9000 }), {}).failures).toBe(3);
    expect(next(status(state, { since: 8999 }), {}).failures).toBe(1);
  });
});

describe('a replica whose worker was starting', () => {
  const late = status('starting', { since: 4999, lostAt: 4000 });
  const instance = { instance: true };

  it.each([
    ['in time', { ...late, since: 5000 }, instance],
    ['waiting for the last holder of the lease', late, { ...instance, onStandby: true }],
    ['there although another one died', { ...late, since: 9000 }, { ...instance, death: 'killed' }],
    ['the holder of the lease', { ...late, since: 9000 }, { lease: lease(1, 'starting'), death: 'killed' }],
  ] as const)('goes on while that is %s', (_, previous, facts) => {
    expect(next(previous, facts)).toEqual(previous);
  });

  it('is lost since its last loss if it is late, died or is gone', () => {
    const lost = { ...late, state: 'lost', since: now, failures: 3 };
    expect(next(late, instance)).toEqual({ ...lost, reason: 'not ready within 5000 ms' });
    const died = { starting: true, death: 'killed' };
    expect(next({ ...late, since: 9000 }, died)).toEqual({ ...lost, reason: 'killed' });
    expect(next({ ...late, since: 9000 }, {})).toEqual({ ...lost, reason: 'its worker is gone' });
    expect(next(status('starting'), {}).lostAt).toBe(now);
  });
});

describe('a replica that was lost', () => {
  it('starts when a worker takes its lease, and then no worker of it is dead', () => {
    const dead = status('lost', { dead: true });
    expect(next(dead, { lease: lease(2, 'starting') })).toEqual(status('starting', { since: now }));
  });

  it.each([
    ['stays dead', status('lost', { dead: true }), {}, { dead: true }],
    ['is dead if its worker died', status('lost'), { death: 'killed' }, { dead: true }],
    ['is not dead without a death', status('lost'), {}, {}],
    ['is not dead if it was never ready', status('lost', { generation: 0 }), { death: 'killed' }, {}],
    ['is not dead while a worker runs', status('lost'), { death: 'killed', instance: true }, {}],
    ['is not dead if it was removed', status('lost', { dead: true }), { retired: true }, {}],
  ] as const)('%s', (_, previous, facts, expected) => {
    const { dead: _dead, ...rest } = previous;
    expect(next(previous, facts)).toEqual({ ...rest, ...expected });
  });
});
