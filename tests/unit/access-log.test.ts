import { describe, expect, it } from 'vitest';
import { redactionOf } from '#shared/contract/redaction.ts';
import { createLogger } from '#shared/process/logger.ts';
import { keyDigest } from '#shared/ring/key-digest.ts';
import { AccessLog } from '../../gateway/access-log/access-log.ts';
import type { AccessLogConfig } from '../../gateway/access-log/access-log-settings.ts';
import { LineWriter } from '../../gateway/access-log/line-writer.ts';
import type { EndedRequest } from '../../gateway/http/ended-request.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const request: EndedRequest = {
  id: '0f8fad5b-d9cb-469f-a165-70867728950e.S2',
  at: Date.UTC(2026, 10, 29, 8, 3, 1, 250),
  method: 'POST',
  target: '/report?user=ada&token=s3cret&flag#x',
  key: 'tenant-7',
  replica: 'S2',
  status: 504,
  code: 'reply_timeout',
  mode: 'wait',
  attempt: 2,
  adoptedBy: 'S1#4',
  queueMs: 12.35,
  serviceMs: 5,
  totalMs: 20.5,
  bytesIn: 7,
  bytesOut: 1234,
  client: '10.1.2.3',
  traceId,
  head: { httpVersion: '1.1', headers: { referer: 'http://a/b?c=d', 'user-agent': 'curl/8' } },
};

/** @returns what the log writes for requests. */
async function written(
  format: AccessLogConfig['format'],
  query: AccessLogConfig['query'],
  ...ended: EndedRequest[]
) {
  const texts: string[] = [];
  const log = new AccessLog({
    format,
    query,
    redaction: redactionOf(undefined, undefined),
    output: (text, onDone) => {
      texts.push(text);
      onDone(undefined);
    },
    log: createLogger('test', 'silent'),
  });
  for (const each of ended) log.ended(each);
  expect(texts, 'nothing is written in the turn of a request').toEqual([]);
  await log.stop();
  return texts;
}

async function pathOf(target: string, query: AccessLogConfig['query']): Promise<string> {
  const [text = ''] = await written('json', query, { ...request, target });
  return (JSON.parse(text) as { path: string }).path; // the log writes it so
}

describe('the access log', () => {
  it('writes one JSON object a line', async () => {
    const [text = ''] = await written('json', 'none', request);
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toEqual({
      time: '2026-11-29T08:03:01.250Z',
      id: request.id,
      key: keyDigest('tenant-7'),
      method: 'POST',
      path: '/report',
      protocol: 'HTTP/1.1',
      status: 504,
      reason: 'reply_timeout',
      mode: 'wait',
      replica: 'S2',
      attempt: 2,
      adoptedBy: 'S1#4',
      queueMs: 12.35,
      serviceMs: 5,
      totalMs: 20.5,
      bytesIn: 7,
      bytesOut: 1234,
      client: '10.1.2.3',
      traceId,
      referer: 'http://a/b',
      userAgent: 'curl/8',
    });
  });

  it('writes the combined format of Apache, with more fields after it', async () => {
    const [text] = await written('combined', 'none', request);
    expect(text).toBe(
      '10.1.2.3 - - [29/Nov/2026:08:03:01 +0000] "POST /report HTTP/1.1" 504 1234 "http://a/b" "curl/8" ' +
        `id="${request.id}" key="${keyDigest('tenant-7')}" reason="reply_timeout" mode="wait" replica="S2" ` +
        'attempt="2" adopted_by="S1#4" queue_ms="12.35" service_ms="5" total_ms="20.5" bytes_in="7" ' +
        `trace="${traceId}"\n`,
    );
  });

  it('says why an answer was broken off', async () => {
    const broken = { ...request, status: 200, code: 'outcome_unknown', aborted: 'gap' } as const;
    const [json = ''] = await written('json', 'none', broken);
    expect(JSON.parse(json)).toMatchObject({ status: 200, reason: 'outcome_unknown', aborted: 'gap' });
    const [combined] = await written('combined', 'none', broken);
    expect(combined).toContain(' reason="outcome_unknown" aborted="gap" mode="wait" ');
  });

  it('leaves out what is not known', async () => {
    const refused: EndedRequest = {
      ...request,
      key: undefined,
      replica: undefined,
      adoptedBy: undefined,
      queueMs: undefined,
      serviceMs: undefined,
      traceId: undefined,
      client: '',
      bytesOut: 0,
      head: { httpVersion: '1.0', headers: {} },
    };
    const [json = ''] = await written('json', 'none', refused);
    expect(Object.keys(JSON.parse(json) as object)).not.toContain('key');
    const [combined] = await written('combined', 'none', refused);
    expect(combined).toMatch(/^- - - \[.*\] "POST \/report HTTP\/1\.0" 504 - "-" "-" id="[^"]*" reason=/);
    expect(combined).not.toMatch(/key=|replica=|undefined/);
  });

  it('hides queries, unless a setting shows their names, or the values that are not secret', async () => {
    const { target } = request;
    expect(await pathOf(target, 'none')).toBe('/report');
    expect(await pathOf(target, 'names')).toBe('/report?user=*&token=*&*');
    expect(await pathOf('/a?s3cret', 'names')).toBe('/a?*');
    expect(await pathOf(target, 'redacted')).toBe('/report?user=ada&token=[redacted]&flag#x');
  });

  it('shows the target as visible ASCII, and no more than 2 KiB of it', async () => {
    expect(await pathOf('/\x9b\x85\xff\x7f', 'none')).toBe('/%9B%85%FF%7F');
    expect(await pathOf(`/${'a'.repeat(9000)}`, 'none')).toHaveLength(2051);
  });

  it.each(['json', 'combined'] as const)(
    '%s is one line that nothing in a request can break',
    async (format) => {
      const nasty = '"\\" \n\r\t\x1b[31m\x9b\u2028" id="forged';
      const texts = await written(format, 'redacted', {
        ...request,
        target: `/${nasty}?a=${nasty}`,
        client: 'unknown',
        adoptedBy: nasty,
        head: { httpVersion: '1.1', headers: { referer: nasty, 'user-agent': nasty } },
      });
      expect(texts.join('')).toMatch(/^[\x20-\x7e]+\n$/);
      if (format === 'json') expect(JSON.parse(texts.join(''))).toMatchObject({ userAgent: nasty });
      // A field that is forged stays inside its quotes.
      else
        expect(texts.join('').replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')).toMatch(
          /^unknown - - \[[^\]]*\] "" 504 1234 "" ""(?: (?!forged)[a-z_]+="")+\n$/,
        );
    },
  );

  it('writes the lines of one turn at once', async () => {
    const texts = await written('json', 'none', request, request, request);
    expect(texts.map((text) => text.split('\n').length - 1)).toEqual([3]);
  });
});

describe('a line writer', () => {
  /** An output that takes a text only when it is told to. */
  function blocked(limit: number) {
    const taken: string[] = [];
    const dropped: [number, string | undefined][] = [];
    let done: ((error?: Error) => void) | undefined;
    const writer = new LineWriter({
      output: (text, onDone) => {
        taken.push(text);
        done = onDone;
      },
      limit,
      onDropped: (lines, error) => dropped.push([lines, error?.message]),
    });
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    return { writer, taken, dropped, turn, finish: (error?: Error) => done?.(error) };
  }

  it('holds no more than its limit while the output is blocked, and counts what it drops', async () => {
    const { writer, taken, dropped, turn, finish } = blocked(10);
    writer.add('aaaa\n');
    await turn();
    for (let at = 0; at < 1000; at += 1) writer.add('bbbb\n');
    expect(taken).toEqual(['aaaa\n']);
    expect(dropped).toHaveLength(999);
    finish();
    await expect.poll(() => taken).toEqual(['aaaa\n', 'bbbb\n']);
    const flushed = writer.flushed();
    finish();
    await flushed;
    await writer.flushed();
  });

  it('counts the lines of a write that failed, and goes on', async () => {
    const { writer, taken, dropped, turn, finish } = blocked(100);
    writer.add('a\n');
    writer.add('b\n');
    await turn();
    writer.add('c\n');
    finish(new Error('EPIPE'));
    expect(dropped).toEqual([[2, 'EPIPE']]);
    await expect.poll(() => taken).toEqual(['a\nb\n', 'c\n']);
    finish();
  });

  it('rests after a write, so that lines of several turns are one write', async () => {
    const { writer, taken, turn, finish } = blocked(100);
    writer.add('a\n');
    await turn();
    finish();
    writer.add('b\n');
    await turn();
    writer.add('c\n');
    await turn();
    expect(taken).toEqual(['a\n']);
    const flushed = writer.flushed();
    expect(taken).toEqual(['a\n', 'b\nc\n']);
    finish();
    await flushed;
  });
});
