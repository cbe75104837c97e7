import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistory } from '../history/check-history.ts';
import { Story } from '../history/story.ts';

/** What may happen to a request, in a system that keeps its promises. */
const fate = fc.constantFrom('answered', 'died', 'retried', 'left', 'cancelled', 'takenBack', 'settled');

/** The requests of a history, each with its fate and how much time passes before it, in ms. */
const requests = fc.array(
  fc.record({ fate, unsafe: fc.boolean(), pauseMs: fc.integer({ min: 0, max: 2000 }) }),
  {
    maxLength: 30,
  },
);

interface Told {
  readonly fate: string;
  readonly unsafe: boolean;
  readonly pauseMs: number;
}

/** Writes a correct history. @returns it, and the ids of the requests that were begun. */
function tell(plan: readonly Told[]): { story: Story; begun: string[] } {
  const story = new Story().lease('S1', 1);
  const begun: string[] = [];
  let fence = 1;
  for (const [at, { fate: its, unsafe, pauseMs }] of plan.entries()) {
    const id = `r${at}`;
    const redelivery = unsafe ? 'never' : 'safe';
    story.pass(pauseMs).renewed('S1');
    if (its === 'settled') {
      begun.push(id);
      story.accepted(id).starting(id).begun(id).ended(id).settled(id);
      continue;
    }
    story.added(id, { redelivery });
    if (its === 'cancelled') story.cancelled(id, 'ended').told(id, 499);
    else if (its === 'takenBack') story.takenBack(id).told(id, 499);
    else {
      begun.push(id);
      story.begun(id);
      if (its === 'died') {
        fence += 1;
        story.leaseEnded('S1').lease('S1', fence);
        if (unsafe) {
          story.replied(id).told(id, 502, 'outcome_unknown');
          continue;
        }
        story.crashed(id, 1).begun(id);
      } else if (its === 'retried' && !unsafe) story.ended(id).begun(id, 'S1', fence, 2);
      story.ended(id, 'S1', fence, its === 'retried' && !unsafe ? 2 : 1).replied(id);
      story.told(id, its === 'left' ? 499 : 200);
    }
  }
  return { story: story.closed('gateway'), begun };
}

describe('a check of histories', () => {
  it('accepts all that are correct', () => {
    fc.assert(
      fc.property(requests, (plan) => {
        expect(checkHistory(tell(plan).story.events)).toMatchObject({ violations: [], excused: [] });
      }),
    );
  });

  it('accepts those of which killed processes have not written the end', () => {
    fc.assert(
      fc.property(requests, fc.nat(), (plan, cut) => {
        const { events } = tell(plan).story;
        expect(checkHistory(events.slice(0, cut % (events.length + 1))).violations).toEqual([]);
      }),
    );
  });

  it('finds each unsafe request that begins again, and no other', () => {
    fc.assert(
      fc.property(requests, fc.nat(), (plan, which) => {
        const { story, begun } = tell(plan);
        fc.pre(begun.length > 0);
        const id = begun[which % begun.length] ?? '';
        const isUnsafe =
          plan[Number(id.slice(1))]?.unsafe === true && plan[Number(id.slice(1))]?.fate !== 'settled';
        story.renewed('S1').begun(id).ended(id);
        const found = checkHistory(story.events).violations.map(({ rule, of }) => `${rule} ${of}`);
        expect(found).toEqual(isUnsafe ? [`unsafe-once ${id}`] : []);
      }),
    );
  });

  it('does not depend on the order in which the events of several writers arrive', () => {
    fc.assert(
      fc.property(requests, (plan) => {
        const { events } = tell([...plan, { fate: 'answered', unsafe: true, pauseMs: 0 }]).story;
        const bySource = [...Map.groupBy(events, ({ source }) => source).values()].flat();
        expect(checkHistory(bySource)).toEqual(checkHistory(events));
      }),
    );
  });
});
