import { expect, it } from 'vitest';
import { expressCounter, python, pythonCounter } from '../fixtures/programs.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

interface Counted {
  readonly replica: string;
  readonly count: number;
}

const keys = Array.from({ length: 24 }, (_, at) => `tenant-${at}`);

const programs = [
  ...(python === undefined ? [] : [{ name: 'a Python server', COMMAND: pythonCounter }]),
  { name: 'an Express app', COMMAND: expressCounter },
];

/** Sends one request under each key. */
async function countEach(url: string): Promise<ReadonlyMap<string, Counted>> {
  const counted = keys.map(async (key): Promise<[string, Counted]> => {
    const response = await fetch(url, { method: 'POST', headers: { 'ringpost-key': key } });
    const body = (await response.json()) as { key: string; count: number };
    expect([response.status, body]).toMatchObject([200, { key }]);
    return [key, { replica: response.headers.get('ringpost-replica') ?? '', count: body.count }];
  });
  return new Map(await Promise.all(counted));
}

async function change(
  url: string,
  method: 'POST' | 'DELETE',
  path: string,
  hostnames: string[],
): Promise<void> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ n: hostnames.length, hostnames }),
  });
  expect(response.status).toBe(200);
}

it.each(programs)('$name keeps the state of each key whose replica stays', async ({ COMMAND }) => {
  const { url } = await system().start({ REPLICAS: '2', COMMAND, START_TIMEOUT_MS: '60000' });
  const first = await countEach(url);
  expect(new Set([...first.values()].map(({ replica }) => replica))).toEqual(new Set(['S1', 'S2']));
  for (const { count } of first.values()) expect(count).toBe(1);

  await change(url, 'POST', '/add', ['S9']);
  const grown = await countEach(url);
  const moved = keys.filter((key) => grown.get(key)?.replica === 'S9');
  expect(moved.length).toBeGreaterThan(0);
  for (const key of keys) {
    // Its new replica has its own copy of the program, which does not know the key.
    if (moved.includes(key)) expect(grown.get(key)).toEqual({ replica: 'S9', count: 1 });
    else expect(grown.get(key)).toEqual({ replica: first.get(key)?.replica, count: 2 });
  }

  await change(url, 'DELETE', '/rm', ['S9']);
  const shrunk = await countEach(url);
  for (const key of keys) {
    const count = moved.includes(key) ? 2 : 3;
    expect(shrunk.get(key)).toEqual({ replica: first.get(key)?.replica, count });
  }
});
