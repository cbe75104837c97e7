import { once } from 'node:events';
import { get } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../fixtures/command.ts';
import { startFed } from '../fixtures/fed-system.ts';
import type { FedSystem } from '../fixtures/fed-system.ts';
import type { Feeding } from '../fixtures/feed.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
/** The answer is cancelled at its source within this time after its client has left, in ms. */
const cancelMs = 100;

/** A client that has got the first part of a stream. */
async function reading({ url, feed }: FedSystem): Promise<{ client: ClientRequest; feeding: Feeding }> {
  const client = get(`${url}/?type=text/event-stream`, { agent: false });
  client.on('error', () => undefined);
  const answered = once(client, 'response');
  const feeding = await feed.next();
  feeding.write('data: 1\n\n');
  const [response] = (await answered) as [IncomingMessage]; // as `response` is documented
  await once(response, 'data');
  response.on('error', () => undefined);
  return { client, feeding };
}

/** Makes clients leave streams at the same time. @returns when the last source learnt it, in ms. */
async function leave(fed: FedSystem, count: number): Promise<number> {
  const readers: Awaited<ReturnType<typeof reading>>[] = [];
  for (let at = 0; at < count; at += 1) readers.push(await reading(fed));
  const began = performance.now();
  for (const { client } of readers) client.destroy();
  const left = await Promise.all(readers.map(({ feeding }) => feeding.left));
  return Math.max(...left) - began;
}

describe.each(['HANDLER', 'UPSTREAM', 'COMMAND'] as const)(
  'the source of %s is cancelled within 100 ms',
  (kind) => {
    it.each([1, 20])('after %i clients have broken their connections', async (count) => {
      const fed = await startFed(system(), kind);
      // The first time, all processes compile the code for it.
      await leave(fed, count);
      for (let round = 0; round < 4; round += 1) expect(await leave(fed, count)).toBeLessThan(cancelMs);
    });

    it('after curl has been interrupted', async () => {
      const { url, feed } = await startFed(system(), kind);
      const curl = runCommand('curl', ['-sN', `${url}/?type=text/event-stream`], {});
      const feeding = await feed.next();
      feeding.write('data: 1\n\n');
      await expect.poll(curl.stdout, { interval: 1 }).toBe('data: 1\n\n');
      const began = performance.now();
      curl.kill('SIGINT');
      expect((await feeding.left) - began).toBeLessThan(cancelMs);
      await curl.exited;
    });
  },
);

it.each(['UPSTREAM', 'COMMAND'] as const)(
  'npm openai that aborts a chat cancels it at %s within 100 ms',
  async (kind) => {
    const { url, feed } = await startFed(system(), kind);
    const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${url}/v1`, maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'Say hello.' }];
    const abort = async (): Promise<number> => {
      const asking = client.chat.completions.create({ model: 'stand-in', messages, stream: true });
      const feeding = await feed.next();
      feeding.write('Hello');
      const stream = await asking;
      const heard: string[] = [];
      let began = 0;
      for await (const { choices } of stream) {
        const token = choices[0]?.delta.content ?? '';
        if (token === '') continue;
        heard.push(token);
        began = performance.now();
        stream.controller.abort();
      }
      expect(heard).toEqual(['Hello']);
      return (await feeding.left) - began;
    };
    // The first time, all processes compile the code for it.
    await abort();
    for (let round = 0; round < 4; round += 1) expect(await abort()).toBeLessThan(cancelMs);
  },
);
