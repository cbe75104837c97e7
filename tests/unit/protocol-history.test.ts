import { describe, expect, it } from 'vitest';
import { checkHistory } from '../history/check-history.ts';
import { ruleNames } from '../history/rules/all.ts';
import type { RuleName } from '../history/rules/all.ts';
import { Story } from '../history/story.ts';

/** @returns the rules that a story violates. */
function violated(story: Story): RuleName[] {
  return [...new Set(checkHistory(story.events).violations.map(({ rule }) => rule))];
}

/** A worker of generation 1 has the lease of S1 under the fence 10. */
const served = (): Story => new Story().lease('S1', 10);

/** An unsafe request, from its acceptance to the word of the gateway. */
const done = (story = served(), id = 'a'): Story =>
  story.added(id, { redelivery: 'never' }).begun(id).ended(id).replied(id).told(id, 200);

interface Case {
  readonly name: string;
  readonly story: () => Story;
}

/** For each rule, histories that satisfy it and histories that violate it. */
const cases: Readonly<Record<RuleName, { readonly good: readonly Case[]; readonly bad: readonly Case[] }>> = {
  'unsafe-once': {
    good: [
      { name: 'one run', story: () => done() },
      {
        name: 'a safe one that runs again after its worker died',
        story: () =>
          served().added('a').begun('a').lease('S1', 20).begun('a').ended('a').replied('a').told('a', 200),
      },
      {
        name: 'a probe of outlier detection',
        story: () =>
          served()
            .added('a', { redelivery: 'never', probe: true })
            .begun('a')
            .ended('a')
            .begun('a')
            .ended('a'),
      },
    ],
    bad: [
      { name: 'two runs in one worker', story: () => done().begun('a').ended('a') },
      { name: 'another run after its worker died', story: () => done().lease('S1', 20).begun('a') },
    ],
  },
  'one-attempt': {
    good: [
      {
        name: 'another attempt after an answer',
        story: () =>
          served().added('a').begun('a').ended('a').begun('a').ended('a').replied('a').told('a', 200),
      },
      {
        name: 'another attempt while a frozen worker has its own, but no lease',
        story: () => served().added('a').begun('a').pass(10_000).lease('S1', 20).begun('a'),
      },
      {
        name: 'another request with a key whose first one has ended',
        story: () => {
          const first = served()
            .claimed('key', 'a')
            .added('a')
            .begun('a')
            .ended('a')
            .replied('a')
            .told('a', 200);
          return first.claimed('key', 'b').added('b').begun('b');
        },
      },
    ],
    bad: [
      { name: 'two at once in one worker', story: () => served().added('a').begun('a').begun('a') },
      {
        name: 'one in each of two replicas',
        story: () => served().added('a').begun('a').lease('S2', 30).added('a', {}, 'S2').begun('a', 'S2'),
      },
      {
        name: 'two requests of one key',
        story: () =>
          served().claimed('key', 'a').claimed('key', 'b').added('a').added('b').begun('a').begun('b'),
      },
    ],
  },
  'cancelled-stays': {
    good: [
      { name: 'one that was running', story: () => served().added('a').begun('a').cancelled('a', 'running') },
      { name: 'one that never begins', story: () => served().added('a').cancelled('a', 'ended') },
      {
        name: 'one whose start was noted before the wish',
        story: () =>
          served().added('a').starting('a', 'asked').cancelled('a', 'running').starting('a').begun('a'),
      },
      {
        name: 'one that a worker had taken before it was marked',
        story: () => served().added('a').taken(['a']).marked('a').begun('a'),
      },
      {
        name: 'one that was taken back and added again',
        story: () => served().added('a').takenBack('a').added('a').begun('a'),
      },
    ],
    bad: [
      { name: 'after it had ended', story: () => served().added('a').cancelled('a', 'ended').begun('a') },
      {
        name: 'again after the wish was noted',
        story: () => served().added('a').cancelled('a', 'running').starting('a').begun('a'),
      },
      {
        name: 'after its job was marked',
        story: () => served().added('a').marked('a').taken(['a']).begun('a'),
      },
      { name: 'after it was taken back', story: () => served().added('a').takenBack('a').begun('a') },
      {
        name: 'after its key was given away',
        story: () => served().added('a').endedUnstarted('a').begun('a'),
      },
    ],
  },
  'killer-convicted': {
    good: [
      {
        name: 'four deaths together',
        story: () => served().added('a').crashed('a', 4).begun('a').ended('a').replied('a').told('a', 200),
      },
      {
        name: 'a death after a lone run had ended',
        story: () =>
          served()
            .added('a')
            .crashed('a', 2)
            .suspected('a', true)
            .begun('a')
            .ended('a')
            .crashed('a', 3)
            .suspected('a', false),
      },
      {
        name: 'a death in a run after the lone run, which began when it was noted',
        story: () =>
          served()
            .added('a')
            .crashed('a', 2)
            .atOnce()
            .suspected('a', true)
            .begun('a')
            .ended('a')
            .pass(1)
            .begun('a', 'S1', 10, 2)
            .pass(1)
            .crashed('a', 3),
      },
      {
        name: 'told after a death alone',
        story: () =>
          served().added('a').crashed('a', 2, true).replied('a').told('a', 502, 'worker_died').pass(60_000),
      },
    ],
    bad: [
      {
        name: 'a run after a death alone',
        story: () => served().added('a').crashed('a', 2, true).begun('a'),
      },
      { name: 'a run after five deaths', story: () => served().added('a').crashed('a', 5).begun('a') },
      {
        name: 'a death in a lone run that does not convict',
        story: () => served().added('a').crashed('a', 2).suspected('a', true).begun('a').crashed('a', 3),
      },
      {
        name: 'a death in a lone run that does not convict, which began when it was noted',
        story: () =>
          served()
            .added('a')
            .crashed('a', 2)
            .atOnce()
            .suspected('a', true)
            .begun('a')
            .pass(1)
            .crashed('a', 3),
      },
      { name: 'six deaths', story: () => served().added('a').crashed('a', 6) },
      { name: 'nobody is told', story: () => served().added('a').crashed('a', 5).pass(60_000) },
    ],
  },
  'lease-exclusive': {
    good: [
      { name: 'after it had run out', story: () => served().pass(10_000).lease('S1', 20) },
      { name: 'after it had ended', story: () => served().leaseEnded('S1').lease('S1', 20) },
      { name: 'of another replica', story: () => served().lease('S2', 20) },
    ],
    bad: [
      {
        name: 'while another worker relies on it',
        story: () => served().lease('S1', 20, { holder: 'S2#4' }),
      },
      {
        name: 'with a lower fence',
        story: () => served().pass(10_000).lease('S1', 9, { holder: 'S1#2' }),
      },
    ],
  },
  'begun-under-lease': {
    good: [
      {
        name: 'with a lease that was renewed',
        story: () => served().pass(4000).renewed('S1').pass(4000).added('a').begun('a'),
      },
    ],
    bad: [
      { name: 'after the lease was over', story: () => served().added('a').pass(6000).begun('a') },
      {
        name: 'after another worker took it',
        story: () => served().added('a').pass(6000).lease('S1', 20).begun('a', 'S1', 10),
      },
      { name: 'without a lease', story: () => new Story().added('a').begun('a', 'S1', 10) },
    ],
  },
  'superseded-silent': {
    good: [
      {
        name: 'a reply that Redis refuses',
        story: () =>
          served()
            .added('a')
            .begun('a')
            .pass(6000)
            .lease('S1', 20)
            .replied('a', { fence: 10, outcome: false }),
      },
      {
        name: 'a reply that was under way when the lease changed',
        story: () => served().added('a').begun('a').replying('a').pass(6000).lease('S1', 20).repliedAt(),
      },
    ],
    bad: [
      {
        name: 'a reply',
        story: () => served().added('a').begun('a').pass(6000).lease('S1', 20).replied('a', { fence: 10 }),
      },
      {
        name: 'an end',
        story: () =>
          served()
            .added('a', { recorded: true })
            .begun('a')
            .pass(6000)
            .lease('S1', 20)
            .settled('a', 'succeeded', { fence: 10 }),
      },
      { name: 'a take', story: () => served().added('a').pass(6000).lease('S1', 20).taken(['a'], 'S1', 10) },
    ],
  },
  'told-from-run': {
    good: [
      { name: 'an answer', story: () => done() },
      { name: 'a problem', story: () => served().added('a').told('a', 504, 'reply_timeout') },
      { name: 'a client that left', story: () => served().added('a').told('a', 499) },
      {
        name: 'a reply whose acknowledgement nobody saw',
        story: () => served().added('a').begun('a').ended('a').replying('a').told('a', 200),
      },
    ],
    bad: [
      { name: 'nobody has run it', story: () => served().added('a').told('a', 200) },
      {
        name: 'its reply was refused',
        story: () => served().added('a').begun('a').replied('a', { outcome: false }).told('a', 200),
      },
      {
        name: 'the worker that answered did not run it',
        story: () => served().added('a').replied('a').told('a', 200),
      },
    ],
  },
  'one-end': {
    good: [
      { name: 'settled', story: () => served().accepted('a').begun('a').settled('a').pass(60_000) },
      { name: 'cancelled', story: () => served().accepted('a').cancelled('a', 'ended').pass(60_000) },
      {
        name: 'refused the second time',
        story: () =>
          served().accepted('a').begun('a').settled('a').settled('a', 'failed', { outcome: 'endedBefore' }),
      },
      { name: 'whose time is not over', story: () => served().accepted('a').pass(5000) },
    ],
    bad: [
      {
        name: 'two ends',
        story: () => served().accepted('a').begun('a').settled('a').settled('a', 'failed'),
      },
      {
        name: 'an end after it was cancelled',
        story: () => served().accepted('a').cancelled('a', 'ended').settled('a'),
      },
      { name: 'no end', story: () => served().accepted('a').pass(120_000) },
    ],
  },
  answered: {
    good: [
      { name: 'told', story: () => done().closed('gateway') },
      {
        name: 'told, as its client says before its gateway has noted it',
        story: () =>
          served().added('a').begun('a').ended('a').replied('a').clientTold('a', 200).closed('gateway'),
      },
      { name: 'whose gateway died', story: () => served().added('a') },
    ],
    bad: [{ name: 'told nothing', story: () => served().added('a').closed('gateway') }],
  },
  'stream-whole': {
    good: [
      {
        name: 'all bytes',
        story: () =>
          served().added('a').begun('a').streamed('a', 100).told('a', 200, undefined, { bytes: 100 }),
      },
      {
        name: 'broken off',
        story: () =>
          served()
            .added('a')
            .begun('a')
            .streamed('a')
            .told('a', 502, undefined, { aborted: 'lost', bytes: 50 }),
      },
      {
        name: 'aborted and its client told',
        story: () =>
          served().added('a').begun('a').streamed('a').told('a', 502, 'outcome_unknown', { bytes: 5 }),
      },
    ],
    bad: [
      {
        name: 'bytes are missing',
        story: () =>
          served().added('a').begun('a').streamed('a', 100).told('a', 200, undefined, { bytes: 99 }),
      },
      {
        name: 'its worker aborted it',
        story: () => served().added('a').begun('a').streamed('a').told('a', 200, undefined, { bytes: 50 }),
      },
    ],
  },
  'client-told': {
    good: [{ name: 'the same', story: () => done().clientTold('a', 200) }],
    bad: [
      { name: 'another status', story: () => done().clientTold('a', 500) },
      { name: 'of nothing that has run', story: () => served().added('a').clientTold('a', 200) },
    ],
  },
};

describe('the rules of a protocol trace', () => {
  for (const rule of ruleNames) {
    for (const { name, story } of cases[rule].good)
      it(`${rule}: accepts ${name}`, () => expect(violated(story())).toEqual([]));
    for (const { name, story } of cases[rule].bad)
      it(`${rule}: finds ${name}`, () => expect(violated(story())).toContain(rule));
  }
});

describe('a fault in which Redis loses writes', () => {
  it('excuses a second run of an unsafe request whose first one it may have lost', () => {
    const { violations, excused } = checkHistory(
      done().redisFault(false).redisFault(true).lease('S1', 20).begun('a').events,
    );
    expect(violations).toEqual([]);
    expect(excused.map(({ rule }) => rule)).toEqual(['unsafe-once']);
  });

  it('excuses nothing that was written long before', () => {
    const story = done().pass(6000).redisFault(false).redisFault(true).lease('S1', 20).begun('a');
    expect(checkHistory(story.events).violations.map(({ rule }) => rule)).toEqual(['unsafe-once']);
  });

  it('excuses no second holder of a lease', () => {
    const story = served().redisFault(false).redisFault(true).lease('S1', 20, { holder: 'S2#4' });
    expect(violated(story)).toEqual(['lease-exclusive']);
  });
});

describe('a check', () => {
  it('counts what it has looked at', () => {
    const { events, requests, begun } = checkHistory(done(done(), 'b').events);
    expect({ events: events > 10, requests, begun }).toEqual({ events: true, requests: 2, begun: 2 });
  });

  it('puts events of several sources in order', () => {
    expect(
      checkHistory(
        done()
          .events.toReversed()
          .toSorted((one, other) => one.at - other.at),
      ),
    ).toMatchObject({
      violations: [],
    });
  });
});
