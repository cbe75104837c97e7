import { describe, expect, it } from 'vitest';
import { goesOn, mayResume, resumePointOf, timeToRun } from '../../worker/stream/resumed-run.ts';

const begun = { fence: 3, status: 200, headers: ['Content-Type', 'text/event-stream; charset=utf-8'] };

describe('an answer that a dead worker has begun', () => {
  it('may be taken up if it has events and its request always runs again', () => {
    expect(mayResume(begun, true)).toBe(true);
    expect(mayResume(begun, false)).toBe(false);
    expect(mayResume(undefined, true)).toBe(false);
    expect(mayResume({ ...begun, headers: ['content-type', 'text/plain'] }, true)).toBe(false);
    expect(mayResume({ ...begun, headers: [] }, true)).toBe(false);
  });

  it('is taken up between two events alone', () => {
    expect(resumePointOf({ offset: 0, entries: 0, lastId: '' })).toEqual({ offset: 0 });
    expect(resumePointOf({ offset: 9, entries: 2, lastId: '7' })).toEqual({ offset: 9, lastEventId: '7' });
    expect(resumePointOf({ offset: 9, entries: 2, lastId: undefined })).toBeUndefined();
  });
});

describe('the next answer goes on', () => {
  const point = { offset: 90, lastEventId: '7' };
  const head = (from: string | undefined, type = 'text/event-stream; charset=UTF-8', status = 200) => ({
    status,
    headers: ['content-type', type, ...(from === undefined ? [] : ['Ringpost-Resumed-From', from])],
  });

  it('if it says where, by the offset or by the id', () => {
    expect(goesOn(head('90'), begun, point)).toBe(true);
    expect(goesOn(head('7'), begun, point)).toBe(true);
    expect(goesOn(head('0'), begun, { offset: 0 })).toBe(true);
  });

  it('and not if it says nothing, another place, or is another answer', () => {
    expect(goesOn(head(undefined), begun, point)).toBe(false);
    expect(goesOn(head('89'), begun, point)).toBe(false);
    expect(goesOn(head(''), begun, { offset: 0 })).toBe(false);
    expect(goesOn(head('90', 'text/event-stream'), begun, point)).toBe(false);
    expect(goesOn(head('90', undefined, 201), begun, point)).toBe(false);
    expect(goesOn({ ...head('90'), problem: 'handler_failed' }, begun, point)).toBe(false);
  });
});

describe('the time of the next run', () => {
  const record = { accepted: 1000, deadline: 61_000 };

  it('is what the request had from its acceptance, or from the end of its delay', () => {
    expect(timeToRun(record, undefined)).toBe(60_000);
    expect(timeToRun(record, 500)).toBe(60_000);
    expect(timeToRun(record, 41_000)).toBe(20_000);
    expect(timeToRun(record, 70_000)).toBe(0);
  });
});
