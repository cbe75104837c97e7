import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemReply } from '#shared/contract/problem.ts';
import { replicaOf, requestId } from '#shared/contract/request-id.ts';
import { endOf, readRecord, streamFields } from '#shared/contract/request-record.ts';

describe('the id of a request', () => {
  it('contains the name of its replica, whatever that name is', () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/);
    fc.assert(
      fc.property(name, (replica) => {
        expect(replicaOf(requestId(randomUUID(), replica))).toBe(replica);
      }),
    );
  });

  it.each(['', 'S1', randomUUID(), `${randomUUID()}.`, `${randomUUID()}.a b`, `x${randomUUID()}.S1`, '.S1'])(
    'is not %j',
    (text) => {
      expect(replicaOf(text)).toBeUndefined();
    },
  );
});

describe('the record of a request', () => {
  const hash = {
    state: 'running',
    change: '2',
    method: 'GET',
    target: '/',
    accepted: '5',
    deadline: '100',
    attempts: '1',
  };

  it('is read as it was written', () => {
    expect(readRecord({ ...hash, started: '7' }, 50)).toEqual({
      state: 'running',
      change: 2,
      method: 'GET',
      target: '/',
      accepted: 5,
      deadline: 100,
      attempts: 1,
      started: 7,
    });
    expect(readRecord({}, 50)).toBeUndefined();
  });

  it('is expired after its deadline unless it ended before', () => {
    expect(readRecord(hash, 101)?.state).toBe('expired');
    expect(readRecord({ ...hash, state: 'done' }, 101)?.state).toBe('done');
  });

  it('says that its answer is a kept stream, and does not expire from then on', () => {
    const head = { status: 200, reason: 'Fine', headers: ['content-type', 'text/event-stream'] };
    const [, fence, , text] = streamFields(7, head);
    const running = { ...hash, stream: String(fence), streamHead: String(text) };
    expect(readRecord(running, 101)).toMatchObject({ state: 'running', stream: { fence: 7, ...head } });
    expect(readRecord({ ...running, length: '9', lastId: 'x' }, 101)?.stream).toEqual({
      fence: 7,
      ...head,
      length: 9,
      lastId: 'x',
    });
    expect(readRecord({ ...running, streamHead: '{}' }, 101)).not.toHaveProperty('stream');
    expect(readRecord({ ...running, stream: 'x' }, 101)).not.toHaveProperty('stream');
  });

  it('counts the passing of its deadline as a change, although nothing wrote it', () => {
    expect(readRecord(hash, 101)?.change).toBe(3);
    expect(readRecord({ ...hash, state: 'done' }, 101)?.change).toBe(2);
  });

  it('says that its key is released if the answer of a handler does, with status 429 or 503', () => {
    const released = { headers: ['Ringpost-Release-Key', ''], body: Buffer.alloc(0) };
    expect(endOf({ ...released, status: 503 }, 9).fields).toContain('released');
    expect(endOf({ ...released, status: 429 }, 9).fields).toContain('released');
    for (const status of [200, 409, 500, 502]) {
      expect(endOf({ ...released, status }, 9).fields).not.toContain('released');
    }
    expect(endOf({ ...released, status: 503, problem: 'redis_away' }, 9).fields).not.toContain('released');
    expect(readRecord({ ...hash, state: 'failed', released: '1' }, 50)?.released).toBe(true);
  });

  it('gets its final state from the answer', () => {
    const answer = { status: 500, headers: [], body: Buffer.alloc(0) };
    expect(endOf(answer, 9)).toEqual({
      state: 'failed',
      fields: ['finished', 9, 'status', 500, 'code', 'http_500'],
    });
    expect(endOf({ ...answer, status: 404 }, 9)).toEqual({
      state: 'done',
      fields: ['finished', 9, 'status', 404],
    });
    expect(endOf(problemReply('outcome_unknown', ''), 9)).toEqual({
      state: 'failed',
      fields: ['finished', 9, 'status', 502, 'code', 'outcome_unknown'],
    });
    expect(endOf(problemReply('cancelled', ''), 9).state).toBe('cancelled');
    expect(endOf(problemReply('reply_timeout', ''), 9).state).toBe('expired');
  });
});
