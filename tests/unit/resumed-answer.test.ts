import { describe, expect, it } from 'vitest';
import { goesOn } from '../../worker/stream/resumed-answer.ts';

const kept = { status: 200, headers: ['Content-Type', 'text/event-stream'] };
const from = { offset: 120, lastEventId: '7' };

/** @returns whether an answer goes on that says where, and differs otherwise like this. */
function continued(said: string | undefined, differs: object = {}): boolean {
  const headers = [...kept.headers, ...(said === undefined ? [] : ['Ringpost-Resumed-From', said])];
  return goesOn({ ...kept, headers, ...differs }, kept, from);
}

describe('the answer of another run', () => {
  it('goes on if it says that it does, at the offset or behind the last event', () => {
    expect([continued('120'), continued('7')]).toEqual([true, true]);
    expect([continued(undefined), continued(''), continued('119'), continued('8')]).toEqual(
      Array.from({ length: 4 }, () => false),
    );
  });

  it('does not go on behind an event if none has an id', () => {
    const headers = [...kept.headers, 'Ringpost-Resumed-From', ''];
    expect(goesOn({ status: 200, headers }, kept, { offset: 120 })).toBe(false);
  });

  it('does not go on with another status, another type, or a problem', () => {
    expect(continued('120', { status: 201 })).toBe(false);
    expect(continued('120', { headers: ['Ringpost-Resumed-From', '120'] })).toBe(false);
    expect(continued('120', { problem: 'handler_failed' })).toBe(false);
  });
});
