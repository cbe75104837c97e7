import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** @returns the settings that run a program of an example, wherever the gateway runs. */
function programOf(example: string, command: string): NodeJS.ProcessEnv {
  const folder = join(projectFolder, 'examples', example);
  return { COMMAND: `cd '${folder}' && exec ${command}`, REPLICAS: '2', START_TIMEOUT_MS: '60000' };
}

async function change(url: string, method: 'POST' | 'DELETE'): Promise<void> {
  const body = JSON.stringify({ n: 1, hostnames: ['other'] });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/${method === 'POST' ? 'add' : 'rm'}`, { method, headers, body });
  expect(response.status).toBe(200);
}

/** An answer to a request that one key has sent several times. */
interface Counted {
  readonly replica: string | null;
  /** How many requests of the key the program that answered has seen. */
  readonly count: number;
}

const names = Array.from({ length: 10 }, (_, at) => `name-${at}`);

/** Checks that the state of each key stays where it is, unless its key moves to the replica `other`. */
async function keepsStateOfKeys(url: string, count: (name: string) => Promise<Counted>): Promise<void> {
  const first = await Promise.all(names.map(count));
  expect(first.map((each) => each.count)).toEqual(names.map(() => 1));
  await change(url, 'POST');
  const second = await Promise.all(names.map(count));
  const moved = second.map(({ replica }) => replica === 'other');
  expect(second).toEqual(
    first.map(({ replica }, at) => (moved[at] ? { replica: 'other', count: 1 } : { replica, count: 2 })),
  );
  await change(url, 'DELETE');
  const third = await Promise.all(names.map(count));
  expect(third).toEqual(first.map(({ replica }, at) => ({ replica, count: moved[at] ? 2 : 3 })));
}

describe('the state of a key stays with its replica while another one is added and removed', () => {
  it('in the Express app', async () => {
    const program = programOf('express', `${process.execPath} server.js`);
    const { url } = await system().start({ ...program, HASH_KEY: 'header:x-user' });
    await keepsStateOfKeys(url, async (user) => {
      const response = await fetch(`${url}/cart`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-user': user },
        body: JSON.stringify({ item: 'tea' }),
      });
      expect(response.status).toBe(201);
      const { items } = (await response.json()) as { items: string[] };
      return { replica: response.headers.get('ringpost-replica'), count: items.length };
    });
  });

  it('in the Python service', async () => {
    const program = programOf('python', 'python3 app.py');
    const { url } = await system().start({
      ...program,
      COMMAND_READY: '/healthz',
      HASH_KEY: 'path',
    });
    await keepsStateOfKeys(url, async (tenant) => {
      const response = await fetch(`${url}/visits/${tenant}`);
      const { visits, replica } = (await response.json()) as { visits: number; replica: string };
      expect(response.headers.get('ringpost-replica')).toBe(replica);
      return { replica, count: visits };
    });
  });
});

it('the model server finds each turn but the first in memory if the key is the chat', async () => {
  const program = programOf('model-server', 'python3 server.py');
  const { url } = await system().start({ ...program, COMMAND_READY: '/health' });
  const chats = names.slice(0, 6).map((key) => ({ key, messages: [] as object[], cached: [] as boolean[] }));
  for (let turn = 1; turn <= 4; turn += 1) {
    for (const { key, messages, cached } of chats) {
      messages.push({ role: 'user', content: `turn ${turn} of ${key}` });
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'ringpost-key': key },
        body: JSON.stringify({ messages }),
      });
      const { choices, usage } = (await response.json()) as {
        choices: { message: object }[];
        usage: { prompt_tokens_details: { cached_tokens: number } };
      };
      messages.push(...choices.map(({ message }) => message));
      cached.push(usage.prompt_tokens_details.cached_tokens > 0);
    }
  }
  for (const { cached } of chats) expect(cached).toEqual([false, true, true, true]);
});

/** @returns the events of an answer. `onEvent` is called after each with how many there were. */
async function eventsOf({ body }: Response, onEvent?: (count: number) => void): Promise<string[]> {
  const events: string[] = [];
  let rest = '';
  for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const whole = (rest + text).split('\n\n');
    rest = whole.pop() ?? '';
    for (const event of whole) {
      events.push(event);
      onEvent?.(events.length);
    }
  }
  expect(rest).toBe('');
  return events;
}

const chat = {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'ringpost-key': 'chat', 'ringpost-keep': 'stream' },
  body: JSON.stringify({
    stream: true,
    max_tokens: 40,
    messages: [{ role: 'user', content: 'Count for me.' }],
  }),
};
const tokens = ['I', ' read', ' 3', ' words.', ...Array.from({ length: 36 }, (_, at) => ` ${at + 1}`)];
const chatEvents = [
  ...tokens.map(
    (content, at) => `id: ${at + 1}\ndata: {"choices": [{"delta": {"content": ${JSON.stringify(content)}}}]}`,
  ),
  'data: [DONE]',
];

describe('an answer of the model server', () => {
  it('goes on in another copy of it after a death, in the same connection', async () => {
    const program = programOf('model-server', 'python3 server.py');
    const { url } = await system().start({ ...program, COMMAND_READY: '/health' });
    const headers = { ...chat.headers, 'ringpost-retry': 'always' };
    const health = await fetch(`${url}/health`, { headers: { 'ringpost-key': 'chat' } });
    const { pid } = (await health.json()) as { pid: number };
    const response = await fetch(`${url}/v1/chat/completions`, { ...chat, headers });
    const events = await eventsOf(response, (count) => {
      if (count === 10) process.kill(pid, 'SIGKILL');
    });
    expect(events).toEqual(chatEvents);
  });

  it('can be read by others while it is computed, and after its client has left', async () => {
    const program = programOf('model-server', 'python3 server.py');
    const { url } = await system().start({ ...program, COMMAND_READY: '/health' });
    const leaving = new AbortController();
    const { signal } = leaving;
    const response = await fetch(`${url}/v1/chat/completions`, { ...chat, signal });
    const reader = response.body?.getReader();
    await reader?.read();
    leaving.abort();
    const path = `${url}/-/requests/${response.headers.get('ringpost-request')}/reply`;
    const both = await Promise.all([fetch(path), fetch(path, { headers: { 'last-event-id': '1' } })]);
    const [all, rest] = await Promise.all(both.map((each) => eventsOf(each)));
    expect(all).toEqual(chatEvents);
    expect(rest).toEqual(chatEvents.slice(1));
  });
});
