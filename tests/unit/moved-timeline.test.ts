import { expect, it } from 'vitest';
import type { RecordedEvent } from '#shared/contract/request-events.ts';
import type { RequestRecord } from '#shared/contract/request-record.ts';
import { timelineOf } from '../../gateway/api/timeline.ts';

const record: RequestRecord = {
  state: 'done',
  change: 1,
  method: 'GET',
  target: '/',
  accepted: 1,
  deadline: 99,
  attempts: 2,
};
const moved: RecordedEvent = { at: 3, kind: 'moved', detail: 'S1 S2' };
const first: RecordedEvent = { at: 2, kind: 'begun', attempt: 1, worker: 'S1#1' };
const second: RecordedEvent = { at: 4, kind: 'begun', attempt: 2, worker: 'S2#1' };

function told(more: Partial<RequestRecord>, events: readonly RecordedEvent[]): string {
  const sources = { replica: 'S1', record: { ...record, ...more }, events, live: undefined };
  return timelineOf(sources, false)
    .map(({ text }) => text)
    .join(' ');
}

it('says why a request spilled when it was accepted, but not of one that was moved since', () => {
  const spilled = 'It was added to the queue of S1, since S3, the owner of its key, was overloaded.';
  expect(told({ spilledFrom: 'S3' }, [first])).toContain(spilled);
  const after = told({ spilledFrom: 'S1', queue: 'S2' }, [first, moved, second]);
  expect(after).toContain('It was added to the queue of S1.');
  expect(after).not.toContain('overloaded');
});

it('does not take a retry that was moved for one that was adopted, also after the move is forgotten', () => {
  expect(told({ queue: 'S2' }, [first, moved, second])).not.toContain('adopted');
  expect(told({ queue: 'S2' }, [second])).not.toContain('adopted');
  const back: RecordedEvent = { at: 5, kind: 'moved', detail: 'S2 S1' };
  expect(told({}, [second, back, { ...first, at: 6, attempt: 3 }])).not.toContain('adopted');
  expect(told({}, [second])).toContain('since it had adopted the queue of S1');
});
