import { describe, expect, it } from 'vitest';
import { ask } from '../fixtures/raw-http.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

/** Starts a system whose handler writes on until the signal of its request fires. */
async function start(settings: Record<string, string> = {}): Promise<string> {
  const handler = { HANDLER: handlerFile('ticking'), LEDGER: workers.ledger() };
  const { url } = await system().start({ REPLICAS: '1', ...handler, ...settings });
  return url;
}

async function pidOf(): Promise<number> {
  const pid = (await leaseOf(system(), 'S1'))?.pid;
  if (pid === undefined) throw new Error('no worker has the lease');
  return pid;
}

/** Reads an answer to its end, clean or not. */
async function read(url: string, asked: RequestInit): Promise<void> {
  await fetch(url, asked)
    .then((answer) => answer.text())
    .catch(() => undefined);
}

const retried = { prefer: 'respond-async', 'ringpost-retry': 'always' };

describe('the signal of a request fires, and its worker lives,', () => {
  it.each([
    ['an answer to HEAD does not end', 'HEAD', '/', {}],
    ['the length of an answer to HEAD is stated', 'HEAD', '/?length=7', {}],
    ['an answer is too large', 'GET', `/?chunk=${'x'.repeat(600)}`, retried],
    ['an answer brings no bytes', 'GET', '/?text=1', {}],
    ['a kept answer brings no bytes', 'GET', '/?text=1', retried],
  ])('if %s', async (_, method, target, headers) => {
    const url = await start({ REPLY_LIMIT_BYTES: '1024' });
    const pid = await pidOf();
    await read(url + target, { method, headers });
    await expect.poll(workers.runs).toEqual([`${pid} /`]);
    expect((await ask(url, { target: '/pid' })).body.toString()).toBe(String(pid));
  });
});

it('the signal of a request fires if its worker stops and another one goes on with the stream', async () => {
  const url = await start();
  await read(url, { headers: retried });
  const { redis, keys } = system();
  await expect.poll(() => redis.scard(keys.streams('S1'))).toBe(1);
  const pid = await pidOf();
  process.kill(pid, 'SIGTERM');
  await expect.poll(workers.runs).toEqual([`${pid} /`]);
});
