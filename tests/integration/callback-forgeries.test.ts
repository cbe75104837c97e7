import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import type { CallbackData } from '#shared/contract/callback.ts';
import type { RequestView } from '#shared/contract/views.ts';
import { parseObject } from '#shared/contract/json-object.ts';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const newer = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const settings = { CALLBACK_SECRET: secret, CALLBACK_ALLOW: '127.0.0.0/8' };

/** Starts a gateway, the receiver that its requests name, and a victim that an attacker wants to reach. */
async function start(more: NodeJS.ProcessEnv = {}) {
  const { url } = await system().start({ REPLICAS: '1', ...settings, ...more });
  const receiver = await callbackReceiver(secret);
  const victim = await recordingUpstream();
  /** Sends an async request with a callback. @returns its id. */
  const accept = async (callback = receiver.url, headers: Record<string, string> = {}): Promise<string> => {
    const response = await fetch(`${url}/home`, {
      headers: { prefer: 'respond-async', 'ringpost-callback': callback, ...headers },
    });
    expect(response.status).toBe(202);
    return response.headers.get('ringpost-request') ?? '';
  };
  const state = async (id: string): Promise<RequestView['callback']> =>
    ((await (await fetch(`${url}/-/requests/${id}`)).json()) as RequestView).callback;
  const { redis, keys } = system();
  const key = (id: string): string => keys.bullMq(keys.callbacks, id);
  const read = async (id: string): Promise<CallbackData> =>
    parseObject((await redis.hget(key(id), 'data')) ?? '') as unknown as CallbackData;
  /** Replaces the data of a callback job, as anyone with write access to Redis could. */
  const write = async (id: string, data: object): Promise<void> => {
    await redis.hset(key(id), 'data', JSON.stringify(data));
  };
  const aside = async (id: string): Promise<(string | null)[]> => {
    const names = await redis.keys(`${system().keys.prefix}:{+callbacks}:aside:*`);
    const texts = await Promise.all(
      names.map(async (name) => ((await redis.type(name)) === 'string' ? redis.get(name) : null)),
    );
    return texts.filter((text) => text !== null && text.includes(id));
  };
  /** Adds a job to the callback queue as an attacker would, without a gateway. */
  const add = async (id: string, data: object): Promise<void> => {
    const queue = new Queue(keys.callbacks, {
      connection: redis,
      prefix: keys.prefix,
      skipVersionCheck: true,
    });
    await queue.add('callback', data, { jobId: id });
    // The test owns the connection.
    await queue.close();
  };
  return { url, receiver, victim, accept, state, read, write, aside, add };
}

/** A delay that leaves time to change the callback before the request starts. */
const later = { 'ringpost-delay': '1' };

describe('a callback job that no gateway wrote', () => {
  it('is moved aside, not sent, and its request says so: a changed address', async () => {
    const { victim, accept, state, read, write, aside, receiver } = await start();
    const id = await accept(receiver.url, later);
    const url = `${victim.url}/${id}`;
    await write(id, { ...(await read(id)), url });
    await expect.poll(() => state(id)).toMatchObject({ state: 'failed', answer: 'forged' });
    expect(await aside(id)).toHaveLength(1);
    expect(victim.got).toEqual([]);
    expect(receiver.received).toEqual([]);
    expect(await system().redis.exists(system().keys.bullMq(system().keys.callbacks, id))).toBe(0);
  });

  it('is not sent: a forged message in the job of a gateway', async () => {
    const { victim, accept, state, read, write, aside, receiver } = await start();
    const id = await accept(receiver.url, later);
    const message = { url: `${victim.url}/${id}`, payload: '{"type":"request.done","forged":true}' };
    await write(id, { ...(await read(id)), message });
    await expect.poll(() => state(id)).toMatchObject({ state: 'failed', answer: 'forged' });
    expect(await aside(id)).toHaveLength(1);
    const own = await accept(receiver.url, later);
    await write(own, { ...(await read(own)), message: { url: receiver.url, payload: message.payload } });
    await expect.poll(() => state(own)).toMatchObject({ state: 'failed', answer: 'forged' });
    expect(victim.got).toEqual([]);
    expect([...receiver.received, ...receiver.forged]).toEqual([]);
  });

  it('is not sent: the job data of another request', async () => {
    const { accept, state, read, write, receiver } = await start();
    const one = await accept(`${receiver.url}/one`, { 'ringpost-delay': '3' });
    const two = await accept(`${receiver.url}/two`, later);
    await write(two, await read(one));
    await expect.poll(() => state(two)).toMatchObject({ state: 'failed', answer: 'forged' });
    await expect.poll(() => receiver.received.map(({ id, path }) => [id, path])).toEqual([[one, '/one']]);
  });

  it('is kept but not sent: a job without a code from the previous release', async () => {
    const { victim, add, aside, accept, receiver } = await start();
    const id = 'nobody.S1';
    const message = { url: victim.url, payload: `{"id":"${id}"}` };
    await add(id, { url: victim.url, deadline: Date.now() + 60_000, attempts: 1, message });
    await expect.poll(async () => (await aside(victim.url)).length).toBe(1);
    expect(parseObject((await aside(victim.url))[0] ?? '')).toMatchObject({ url: victim.url, message });
    await add('other.S1', { url: victim.url, deadline: 1, attempts: 1, message, mac: 'v1:AAAA' });
    await expect.poll(async () => (await aside(victim.url)).length).toBe(2);
    expect(victim.got).toEqual([]);
    // Callbacks of gateways are still sent.
    const own = await accept();
    await expect.poll(() => receiver.received.map((each) => each.id)).toEqual([own]);
  });
});

describe('a callback job that a gateway wrote', () => {
  it('is sent again after a failure, with its message, by a gateway that shares a secret', async () => {
    const { receiver, accept, state, read } = await start({ CALLBACK_SECRET: `${newer},${secret}` });
    receiver.answer = (_, times) => ({ status: times === 1 ? 500 : 204 });
    const id = await accept();
    await expect.poll(() => state(id)).toMatchObject({ state: 'retrying' });
    const { message, mac } = await read(id);
    expect(message?.mac?.split(' ')).toHaveLength(2);
    expect(mac?.split(' ')).toHaveLength(2);
    await expect.poll(() => state(id)).toMatchObject({ state: 'delivered', attempts: 2 });
  });

  it('is sent by a gateway with only the former secret, and by one with an additional secret', async () => {
    const first = await start({ CALLBACK_SECRET: `${newer},${secret}` });
    const waiting = await first.accept(first.receiver.url, { 'ringpost-delay': '2' });
    const running = await system().start({ ROLE: 'gateway', ...settings });
    // Both gateways take callbacks, and each job has a code that both can verify.
    const { url } = running;
    const response = await fetch(`${url}/home`, {
      headers: { prefer: 'respond-async', 'ringpost-callback': first.receiver.url },
    });
    expect(response.status).toBe(202);
    const id = response.headers.get('ringpost-request') ?? '';
    const told = (): string[] => first.receiver.received.map((each) => each.id).toSorted();
    await expect.poll(told).toEqual([id, waiting].toSorted());
  });
});
