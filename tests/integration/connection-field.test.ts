import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { valuesOf } from '../fixtures/request-heads.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

describe('Connection of a request', () => {
  it('gets 400 if it names a field that security depends on, and the request does not run', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({
      REPLICAS: '1',
      UPSTREAM: upstream.url,
      HASH_KEY: 'header:tenant,random',
    });
    const fields = ['Host', 'a', 'Authorization', 'Bearer t', 'Cookie', 'a=1', 'Content-Type', 'text/plain'];
    const names = ['host', 'Authorization', 'COOKIE', 'content-type', 'Content-Length', 'Forwarded'];
    for (const name of [
      ...names,
      'X-Forwarded-For',
      'Idempotency-Key',
      'ringpost-key',
      'If-Match',
      'Tenant',
    ]) {
      const headers = [...fields, 'Idempotency-Key', 'k1', 'Tenant', 't1', 'Connection', `close, ${name}`];
      const answer = await ask(url, { method: 'POST', headers, body: Buffer.from('b') });
      expect([answer.status, json(answer)], name).toEqual([
        400,
        expect.objectContaining({
          code: 'request_malformed',
          detail: expect.stringContaining(`Connection names "${name.toLowerCase()}"`) as string,
        }),
      ]);
    }
    expect(upstream.got).toEqual([]);
  });

  it('still removes fields of one hop', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const headers = ['Connection', 'close, X-Hop', 'X-Hop', '1', 'X-Other', '2', 'Authorization', 'Bearer t'];
    expect((await ask(url, { headers })).status).toBe(200);
    const { headers: got = [] } = upstream.got[0] ?? {};
    expect(headerValue(got, 'x-hop')).toBeUndefined();
    expect(headerValue(got, 'x-other')).toBe('2');
    expect(headerValue(got, 'authorization')).toBe('Bearer t');
  });
});

describe('Connection of an answer', () => {
  it('removes fields of one hop, but none that security depends on', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const kept = ['Set-Cookie', 'a=1; HttpOnly', 'Content-Security-Policy', "default-src 'self'"];
    const named = 'close, set-cookie, Content-Security-Policy, content-length, cache-control, x-hop';
    upstream.answer = {
      headers: [
        'Connection',
        named,
        'X-Hop',
        '1',
        ...kept,
        'Cache-Control',
        'private',
        'Content-Length',
        '2',
      ],
      body: Buffer.from('ok'),
    };
    const answer = await ask(url, {});
    expect(answer.body.toString()).toBe('ok');
    for (const [at, name] of kept.entries())
      if (at % 2 === 0) expect(valuesOf(answer.headers, name.toLowerCase())).toEqual([kept[at + 1]]);
    expect(valuesOf(answer.headers, 'cache-control')).toEqual(['private']);
    expect(valuesOf(answer.headers, 'content-length')).toEqual(['2']);
    expect(valuesOf(answer.headers, 'x-hop')).toEqual([]);
  });
});
