import { describe, expect, it } from 'vitest';
import type { DeadLetterPageView, DeadLetterView } from '#shared/contract/views.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import type { Told } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

type Init = Omit<RequestInit, 'headers'> & { readonly headers?: Record<string, string> };

/** Starts a gateway whose only replica forwards to an upstream that fails. */
async function start(settings: NodeJS.ProcessEnv = {}, told: Told = {}) {
  const upstream = await recordingUpstream();
  upstream.answer = { status: 500, ...told };
  const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url, ...settings });
  /** Sends an async request and waits for its dead letter. @returns the letter, and its data in Redis. */
  const fail = async (path: string, init: Init = {}) => {
    const headers = { prefer: 'respond-async', ...init.headers };
    const response = await fetch(`${url}${path}`, { ...init, headers });
    expect(response.status, await response.clone().text()).toBe(202);
    const id = response.headers.get('ringpost-request') ?? '';
    const key = system().keys.deadLetter(id);
    await expect.poll(() => system().redis.exists(key)).toBe(1);
    const letter = (await (await fetch(`${url}/-/dead-letters/${id}`)).json()) as DeadLetterView;
    const stored = Object.values(await system().redis.hgetall(key)).join('\n');
    return { id, letter, stored };
  };
  const redrive = async (id: string, given?: object): Promise<Response> =>
    fetch(`${url}/-/dead-letters/${id}/redrive`, {
      method: 'POST',
      ...(given === undefined
        ? {}
        : { body: JSON.stringify(given), headers: { 'content-type': 'application/json' } }),
    });
  const letters = async (): Promise<DeadLetterPageView['letters']> =>
    ((await (await fetch(`${url}/-/dead-letters`)).json()) as DeadLetterPageView).letters;
  return { url, upstream, fail, redrive, letters };
}

function valueOf(letter: DeadLetterView, name: string): string | undefined {
  return letter.request?.headers.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1];
}

async function detailOf(response: Response): Promise<string> {
  return ((await response.json()) as { detail: string }).detail;
}

const secretFields = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
  'x-amz-security-token',
  'x-vault-token',
  'client-secret',
  'ocp-apim-subscription-key',
];

describe('a dead letter stores no secret', () => {
  it('of a header field of the request, and says which are missing', async () => {
    const { fail } = await start();
    const headers = Object.fromEntries(secretFields.map((name) => [name, `hidden-${name}`]));
    const others = { 'idempotency-key': 'shown-1', 'ringpost-key': 'shown-2', 'x-other': 'shown-3' };
    const { letter, stored } = await fail('/x', { headers: { ...headers, ...others } });
    for (const name of secretFields) {
      expect(stored, name).not.toContain(`hidden-${name}`);
      expect(valueOf(letter, name), name).toBe('[redacted]');
    }
    for (const [name, value] of Object.entries(others)) expect(valueOf(letter, name)).toBe(value);
    expect(letter.missingHeaders.toSorted()).toEqual(secretFields.toSorted());
  });

  it('that is the hash key of a request with several attempts', async () => {
    const { fail } = await start({ HASH_KEY: 'header:x-api-key' });
    const { stored, letter } = await fail('/x', {
      headers: { 'x-api-key': 'hidden', 'ringpost-attempts': '2' },
    });
    expect(stored).not.toContain('hidden');
    expect(letter.missingHeaders).toEqual(['x-api-key']);
  });

  it('of a header field of the answer', async () => {
    const told = ['Set-Cookie', 'session=hidden', 'X-Auth-Token', 'hidden', 'X-Other', 'shown'];
    const { fail } = await start({}, { headers: told, body: Buffer.from('why') });
    const { letter, stored } = await fail('/x');
    expect(stored).not.toContain('hidden');
    const fields = new Map(letter.reply?.headers.map(([name, value]) => [name.toLowerCase(), value]));
    expect(fields.get('set-cookie')).toBe('[redacted]');
    expect(fields.get('x-auth-token')).toBe('[redacted]');
    expect(fields.get('x-other')).toBe('shown');
    expect(letter.reply?.body).toBe('why');
  });

  it('of the query, in the letter and in the list', async () => {
    const { fail, letters } = await start();
    const { letter, stored } = await fail(
      '/x?a=1&access_token=hidden&apiKey=hidden&password=hidden&sig=hidden',
    );
    expect(stored).not.toContain('hidden');
    const target = '/x?a=1&access_token=[redacted]&apiKey=[redacted]&password=[redacted]&sig=[redacted]';
    expect(letter.target).toBe(target);
    expect((await letters()).map((each) => each.target)).toEqual([target]);
    expect(letter.missingQuery).toEqual(['access_token', 'apiKey', 'password', 'sig']);
  });

  it('of the URL of a callback', async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const receiver = await recordingUpstream();
    const { fail } = await start({ CALLBACK_SECRET: secret, CALLBACK_ALLOW: '127.0.0.0/8' });
    const { letter, stored } = await fail('/x', {
      headers: {
        'ringpost-callback': `${receiver.url}/done?token=hidden&a=1`,
        'ringpost-failure-callback': `${receiver.url}/failed?api_key=hidden`,
        referer: 'https://user:hidden@example.com/?token=hidden',
      },
    });
    expect(stored).not.toContain('hidden');
    expect(valueOf(letter, 'ringpost-callback')).toBe(`${receiver.url}/done?token=[redacted]&a=1`);
    expect(valueOf(letter, 'referer')).toBe('https://[redacted]@example.com/?token=[redacted]');
    expect(letter.missingHeaders.toSorted()).toEqual([
      'referer',
      'ringpost-callback',
      'ringpost-failure-callback',
    ]);
    // The callback still goes to the full URL.
    await expect.poll(() => receiver.got.map((each) => each.url)).toEqual(['/failed?api_key=hidden']);
  });

  it('that REDACT_HEADERS names, but keeps what HASH_KEY and REDACT_EXCEPT name', async () => {
    const { fail } = await start({
      REDACT_HEADERS: 'X-Mine,code',
      REDACT_EXCEPT: 'sort_key',
      HASH_KEY: 'header:tenant-key,query:user_key,random',
    });
    const { letter, stored } = await fail('/x?user_key=u&sort_key=s&code=hidden&other_key=hidden', {
      headers: { 'x-mine': 'hidden', 'tenant-key': 'shown', 'other-key': 'hidden' },
    });
    expect(stored).not.toContain('hidden');
    expect(letter.target).toBe('/x?user_key=u&sort_key=s&code=[redacted]&other_key=[redacted]');
    expect(valueOf(letter, 'tenant-key')).toBe('shown');
    expect(letter.missingHeaders.toSorted()).toEqual(['other-key', 'x-mine']);
  });
});

describe('a dead letter with secrets is redriven', () => {
  it('only if they are given; otherwise nothing changes, and the problem names what is missing', async () => {
    const { fail, redrive, letters, upstream } = await start();
    const path = '/x?a=1&token=s%26cret&api_key=k';
    const { id } = await fail(path, { headers: { authorization: 'Bearer t', cookie: 'c=1' } });
    const refused = async (given: object | undefined, ...names: readonly string[]): Promise<void> => {
      const response = await redrive(id, given);
      expect(response.status).toBe(400);
      const detail = await detailOf(response);
      expect(detail.split(';')[0]).toBe(`The dead letter does not keep ${names.join(', ')}`);
    };
    const fields = ['the header authorization', 'the header cookie'];
    const parameters = ['the query parameter token', 'the query parameter api_key'];
    await refused(undefined, ...fields, ...parameters);
    await refused({ headers: { Authorization: 'Bearer t', cookie: null } }, ...parameters);
    await refused({ query: { token: 's&cret', api_key: 'k' }, headers: { cookie: 'c=1' } }, fields[0] ?? '');
    expect((await letters()).map((each) => each.id)).toEqual([id]);
    expect(upstream.got).toHaveLength(1);

    upstream.answer = { status: 200 };
    const given = {
      headers: { Authorization: 'Bearer t', cookie: null },
      query: { token: 's&cret', api_key: null },
    };
    expect((await redrive(id, given)).status).toBe(202);
    await expect.poll(() => upstream.got.length).toBe(2);
    const again = upstream.got[1];
    expect(again?.url).toBe('/x?a=1&token=s%26cret');
    const names = again?.headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    expect(again?.headers).toContain('Bearer t');
    expect(names).not.toContain('cookie');
    expect(await letters()).toEqual([]);
  });

  it.each([
    [{ header: {} }],
    [{ headers: { a: 1 } }],
    [{ query: [] }],
    [{ headers: { 'a b': 'c' } }],
    [{ body: 1 }],
    [{ body: '*', encoding: 'base64' }],
    [{ body: 'b', encoding: 'hex' }],
    ['text'],
  ])('not by a malformed call: %j', async (given) => {
    const { url } = await system().start({ REPLICAS: '0' });
    const response = await fetch(`${url}/-/dead-letters/x/redrive`, {
      method: 'POST',
      body: JSON.stringify(given),
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(400);
    expect(await detailOf(response)).toContain('The body must be JSON such as');
  });
});

describe('with DEAD_LETTER_BODIES=none a dead letter', () => {
  it.each([
    ['in its job', 10],
    ['in a separate key', 200_000],
  ])('keeps the body of neither request nor answer: %s', async (_, size) => {
    const told = { body: Buffer.from('hidden answer'), headers: ['X-Why', 'shown'] };
    const { fail, redrive, upstream, letters } = await start({ DEAD_LETTER_BODIES: 'none' }, told);
    const body = 'hidden'.repeat(Math.ceil(size / 6));
    const { id, letter, stored } = await fail('/x', { method: 'POST', body, headers: { 'x-a': 'b' } });
    expect(stored).not.toContain('hidden');
    expect(letter.request).toMatchObject({ encoding: 'none', body: '' });
    expect(letter.reply).toMatchObject({ status: 500, encoding: 'none', body: '' });
    expect(letter.reply?.headers).toContainEqual(['X-Why', 'shown']);
    expect(valueOf(letter, 'x-a')).toBe('b');

    const refused = await redrive(id);
    expect(refused.status).toBe(410);
    expect(await detailOf(refused)).toContain('The dead letter does not keep the body;');
    expect(await letters()).toHaveLength(1);
    upstream.answer = { status: 200 };
    const given = Buffer.from('gegrüßt');
    expect((await redrive(id, { body: given.toString('base64'), encoding: 'base64' })).status).toBe(202);
    await expect.poll(() => upstream.got.length).toBe(2);
    const again = upstream.got[1];
    expect(again?.body).toEqual(given);
    const lengths = again?.headers.filter((__, at, all) => all[at - 1]?.toLowerCase() === 'content-length');
    expect(lengths).toEqual([String(given.length)]);
  });

  it('of a request without a body is redriven as it is', async () => {
    const { url, fail, redrive, upstream } = await start({ DEAD_LETTER_BODIES: 'none' });
    const { id, letter } = await fail('/x');
    expect(letter.request).toMatchObject({ encoding: 'utf8', body: '' });
    const bulk = await fetch(`${url}/-/dead-letters/redrive?all=true`, {
      method: 'POST',
      body: JSON.stringify({ body: 'b' }),
      headers: { 'content-type': 'application/json' },
    });
    expect(bulk.status).toBe(400);
    upstream.answer = { status: 200 };
    expect((await redrive(id)).status).toBe(202);
    await expect.poll(() => upstream.got.length).toBe(2);
  });
});
