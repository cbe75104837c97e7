import { leaseMs } from './cluster.ts';
import { kinds } from './kinds.ts';
import type { Scenario } from './stage.ts';
import type { World } from './worlds.ts';

/** A scenario, and the guard of the code without which it fails. */
export interface GuardScenario {
  readonly guard: string;
  readonly scenario: Scenario;
}

function worldOf(names: readonly string[], other: Partial<World> = {}): World {
  const requests = names.map((name) => {
    const kind = kinds.find((each) => each.name === name);
    if (kind === undefined) throw new Error(`no kind is ${name}`);
    return { kind, key: 'a' };
  });
  const settings = { RESPAWN: 'same', CONCURRENCY: '2' };
  return { name: names.join(' '), replicas: 2, gateways: 1, settings, requests, ...other };
}

/** Faults that were found once, and orders of events that the guards are for. */
export const scenarios: readonly GuardScenario[] = [
  {
    guard: 'fence',
    scenario: {
      name: 'a worker that was superseded sends the answer of its run',
      world: worldOf(['get']),
      killDelayMs: 5 * leaseMs,
      play: async (stage) => {
        stage.hold(/^run \d+ .* ends/);
        await stage.begun(1);
        stage.freeze('S2-1-');
        await stage.begun(2);
        stage.hold(/worker:S2.* gets a reply/);
        stage.wake('S2-1-');
        await stage.take(/^run 0 .* ends/);
        await stage.take(/^Redis executes .* of worker:S2$/);
        await stage.pass(100);
      },
    },
  },
  {
    guard: 'lease-before-begin',
    scenario: {
      name: 'a worker hears of a job after it was superseded',
      world: worldOf(['get']),
      killDelayMs: 5 * leaseMs,
      play: async (stage) => {
        stage.hold(/^run \d+ .* ends/);
        await stage.take(/add-jobs/);
        stage.freeze('S2-1-');
        await stage.begun(1);
        stage.wake('S2-1-');
        await stage.pass(100);
      },
    },
  },
  {
    guard: 'claim-of-key',
    scenario: {
      name: 'two gateways claim one idempotency key at once',
      world: worldOf(['idempotent-post', 'idempotent-post'], { gateways: 2 }),
      play: async (stage) => {
        stage.hold(/claim-idempotency/);
        await stage.take(/claim-idempotency/);
        await stage.take(/claim-idempotency/);
        stage.release();
        await stage.pass(leaseMs);
      },
    },
  },
  {
    guard: 'place-in-line',
    scenario: {
      name: 'four ordered requests come within one microsecond',
      world: worldOf(['ordered-post', 'ordered-post', 'ordered-post', 'ordered-post']),
      play: (stage) => stage.pass(leaseMs),
    },
  },
  {
    guard: 'ask-again',
    scenario: {
      name: 'the answer to a renewal takes longer than the lease',
      world: worldOf(['post']),
      play: async (stage) => {
        stage.hold(/^a client sends/, /renew-lease of worker:S2:lease/, /^worker:S2:lease gets a reply/);
        await stage.until(/renew-lease of worker:S2:lease/);
        // Redis keeps the lease, and the worker cannot know it.
        await stage.pass(leaseMs - 1000);
        await stage.take(/renew-lease of worker:S2:lease/);
        await stage.pass(1500);
        await stage.take(/^a client sends/);
        await stage.take(/add-jobs/);
        await stage.pass(1000);
        await stage.take(/renew-lease of worker:S2:lease/);
        await stage.pass(leaseMs - 800);
        await stage.take(/^worker:S2:lease gets a reply/);
        await stage.pass(100);
        stage.release();
        await stage.pass(leaseMs);
        stage.expectAnswers(/^200/);
      },
    },
  },
  {
    guard: 'pause-for-orphan',
    scenario: {
      name: 'a delayed job is due while a job that no worker runs has the last slot',
      world: {
        ...worldOf(['retried-get', 'get']),
        settings: { RESPAWN: 'same', CONCURRENCY: '1' },
      },
      play: async (stage) => {
        stage.hold(/^run \d+ .* ends/, /^a client sends request 1/);
        await stage.begun(1);
        stage.end(0, 'is unavailable');
        await stage.until(/bzpopmin sim:\{S2\}:marker/);
        await stage.take(/^a client sends request 1/);
        await stage.lose(/(tick|blmpop 5) of worker:S2$/);
        await stage.pass(leaseMs);
        stage.release();
        await stage.pass(leaseMs);
      },
    },
  },
];
