import { describe, expect, it } from 'vitest';
import { decideOnHead, isEventStream } from '../../worker/stream/stream-decision.ts';
import type { AnswerHead } from '../../worker/stream/stream-decision.ts';

const aboveBytes = 1000;
const unknown: AnswerHead = {
  method: 'GET',
  status: 200,
  type: undefined,
  length: undefined,
  isProblem: false,
  mayRetry: false,
  readsFrames: true,
};

/** @returns the decision on an answer that differs so from one of unknown length. */
function decide(differs: Partial<AnswerHead>): string {
  return decideOnHead({ ...unknown, ...differs }, aboveBytes);
}

describe('an answer', () => {
  it('of unknown length is a stream unless it ends within 5 ms; an event stream unless it ends at once', () => {
    expect(decide({})).toBe('afterMs');
    expect(decide({ type: 'application/x-ndjson' })).toBe('afterMs');
    expect(decide({ type: 'text/event-stream' })).toBe('afterTurn');
  });

  it('of a known length is a stream if that is above the limit', () => {
    expect(decide({ length: aboveBytes })).toBe('whole');
    expect(decide({ length: aboveBytes + 1 })).toBe('stream');
    expect(decide({ length: aboveBytes + 1, type: 'text/event-stream' })).toBe('stream');
    expect(decide({ length: 3, type: 'text/event-stream' })).toBe('whole');
  });

  it.each([
    ['to HEAD', { method: 'HEAD' }],
    ['204', { status: 204 }],
    ['304', { status: 304 }],
    ['that ringpost itself made', { isProblem: true }],
    ['that may lead to another attempt', { mayRetry: true }],
    ['to a gateway that reads no frames', { readsFrames: false }],
  ] satisfies [string, Partial<AnswerHead>][])('%s is whole, whatever its length and type', (_, differs) => {
    for (const type of [undefined, 'text/event-stream']) {
      for (const length of [undefined, 0, aboveBytes + 1]) {
        expect(decide({ ...differs, type, length })).toBe('whole');
      }
    }
  });
});

describe('an event stream', () => {
  it.each(['text/event-stream', 'Text/Event-Stream; charset=utf-8', ' text/event-stream ;x'])(
    'is %j',
    (type) => {
      expect(isEventStream(type)).toBe(true);
    },
  );

  it.each([undefined, '', 'text/event-streams', 'application/text/event-stream', 'text/plain'])(
    'is not %j',
    (type) => {
      expect(isEventStream(type)).toBe(false);
    },
  );
});
