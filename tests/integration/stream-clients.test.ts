import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';
import { EventSource } from 'eventsource';
import OpenAI from 'openai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../fixtures/command.ts';
import { startFed } from '../fixtures/fed-system.ts';
import type { FedSystem } from '../fixtures/fed-system.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const messages = [{ role: 'user' as const, content: 'Say hello.' }];
const tokens = ['Hel', 'lo', ', ', 'world', '!'];

function openai({ url }: FedSystem): OpenAI {
  return new OpenAI({
    apiKey: 'sk-test',
    baseURL: `${url}/v1`,
    maxRetries: 0,
    defaultHeaders: { 'ringpost-key': 'chat-1' },
  });
}

describe.each(['UPSTREAM', 'COMMAND'] as const)('through %s', (fed) => {
  it('npm openai gets each token before the next one is made', async () => {
    const fedSystem = await startFed(system(), fed);
    const client = openai(fedSystem);
    const asking = client.chat.completions.create({ model: 'stand-in', messages, stream: true });
    const feeding = await fedSystem.feed.next();
    const heard: string[] = [];
    let sent = 0;
    const sendNext = (): void => {
      const token = tokens[sent];
      sent += 1;
      if (token === undefined) feeding.end();
      else feeding.write(token);
    };
    for await (const { choices } of await asking) {
      for (const { delta } of choices) {
        if (delta.content === undefined || delta.content === null) continue;
        if (delta.content !== '') heard.push(delta.content);
        sendNext();
      }
    }
    expect(heard).toEqual(tokens);
  });

  it('npm openai gets whole answers as before', async () => {
    const fedSystem = await startFed(system(), fed);
    const client = openai(fedSystem);
    const models: string[] = [];
    for await (const { id } of client.models.list()) models.push(id);
    expect(models).toEqual(['stand-in']);
    const asking = client.chat.completions.create({ model: 'stand-in', messages });
    const feeding = await fedSystem.feed.next();
    feeding.write('Hello.');
    feeding.end();
    const { choices } = await asking;
    expect(choices[0]?.message.content).toBe('Hello.');
  });

  it('npm ai gets each token before the next one is made', async () => {
    const fedSystem = await startFed(system(), fed);
    const provider = createOpenAICompatible({ name: 'ringpost', baseURL: `${fedSystem.url}/v1` });
    const errors: unknown[] = [];
    const { textStream } = streamText({
      model: provider('stand-in'),
      prompt: 'Say hello.',
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    const heard: string[] = [];
    const reading = (async () => {
      for await (const token of textStream) heard.push(token);
    })();
    const feeding = await fedSystem.feed.next();
    for (const [at, token] of tokens.entries()) {
      feeding.write(token);
      await expect.poll(() => heard, { interval: 1 }).toEqual(tokens.slice(0, at + 1));
    }
    feeding.end();
    await reading;
    expect(errors).toEqual([]);
  });

  it('npm eventsource gets each event as it comes, and connects again with Last-Event-ID', async () => {
    const fedSystem = await startFed(system(), fed);
    const source = new EventSource(`${fedSystem.url}/events?type=text/event-stream`);
    onTestFinished(() => source.close());
    const heard: string[] = [];
    source.addEventListener('message', ({ lastEventId, data }) => heard.push(`${lastEventId} ${data}`));
    const first = await fedSystem.feed.next();
    first.write('retry: 20\nid: 1\ndata: one\n\n');
    await expect.poll(() => heard, { interval: 1 }).toEqual(['1 one']);
    first.write('id: 2\ndata: two\n\n');
    await expect.poll(() => heard, { interval: 1 }).toEqual(['1 one', '2 two']);
    // A clean end of the stream, and one that breaks off, make it connect again.
    first.end();
    const second = await fedSystem.feed.next();
    expect(second.headers['last-event-id']).toBe('2');
    second.write('id: 3\ndata: three\n\n');
    await expect.poll(() => heard.at(-1), { interval: 1 }).toBe('3 three');
    second.destroy();
    const third = await fedSystem.feed.next();
    expect(third.headers['last-event-id']).toBe('3');
    source.close();
    await third.left;
  });
});

describe.each(['HANDLER', 'UPSTREAM', 'COMMAND'] as const)('through %s', (fed) => {
  it('a fetch stream gets each line before the next one is made', async () => {
    const { url, feed } = await startFed(system(), fed);
    const asking = fetch(`${url}/lines?type=application/x-ndjson`);
    const feeding = await feed.next();
    const response = await asking;
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBeNull();
    expect(response.headers.get('ringpost-replica')).toBe('S1');
    const lines = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let at = 1; at <= 5; at += 1) {
      feeding.write(`{"line":${at}}\n`);
      expect(await lines?.read()).toEqual({ done: false, value: `{"line":${at}}\n` });
    }
    feeding.end();
    expect(await lines?.read()).toEqual({ done: true, value: undefined });
  });

  it('curl -N prints each part before the next one is made', async () => {
    const { url, feed } = await startFed(system(), fed);
    const curl = runCommand('curl', ['-sN', '-w', '%{http_code}', `${url}/?type=text/event-stream`], {});
    const feeding = await feed.next();
    let printed = '';
    for (const token of tokens) {
      feeding.write(`data: ${token}\n\n`);
      printed += `data: ${token}\n\n`;
      await expect.poll(curl.stdout, { interval: 1 }).toBe(printed);
    }
    feeding.end();
    expect(await curl.exited).toEqual({ code: 0, signal: null });
    expect(curl.stdout()).toBe(`${printed}200`);
  });

  it('curl fails if the answer breaks off', async () => {
    const { url, feed } = await startFed(system(), fed);
    const curl = runCommand('curl', ['-sN', `${url}/?type=text/event-stream`], {});
    const feeding = await feed.next();
    feeding.write('data: 1\n\n');
    await expect.poll(curl.stdout, { interval: 1 }).toBe('data: 1\n\n');
    feeding.destroy();
    // Its exit codes: 18 is a body that is too short, 56 a failure to receive.
    expect([18, 56]).toContain((await curl.exited).code);
  });
});
