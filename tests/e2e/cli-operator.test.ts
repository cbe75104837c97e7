import { describe, expect, it } from 'vitest';
import type { RingView } from '#shared/contract/ring-view.ts';
import { callCli, startCli } from '../fixtures/command-line.ts';
import type { Called } from '../fixtures/command-line.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const wait = { timeout: 60_000 };

async function start(settings: NodeJS.ProcessEnv) {
  const folder = await scratch();
  const first = await folder.startReady(settings);
  const { url } = first;
  const call = (...args: string[]): Promise<Called> => callCli(folder, args, { RINGPOST_URL: url });
  const replicas = async (): Promise<RingView['replicas']> =>
    ((await (await fetch(`${url}/-/ring`)).json()) as RingView).replicas; // as the route answers
  const held = async (name: string): Promise<string | null | undefined> =>
    (await replicas()).find((each) => each.name === name)?.hold;
  return { folder, first, url, call, replicas, held };
}

describe('an operator', () => {
  it('drains, pauses and resumes replicas, for people and as JSON', async () => {
    const { url, call, held } = await start({ REPLICAS: '2' });
    expect((await call('ls')).stdout).toContain(`\nDashboard: ${url}/-/\n`);

    const drained = await call('drain', 'S2');
    expect(drained).toMatchObject({ code: 0, stderr: '' });
    expect(drained.stdout).toMatch(/^Drained S2: out of the ring/);
    await expect.poll(() => held('S2'), wait).toBe('drained');
    expect((await call('ls')).stdout).toMatch(/^REPLICA .* HOLD\nS1 .*\nS2 .* drained\n/);
    const last = await call('drain', 'S1', '--json');
    expect(last.code).toBe(1);
    expect(JSON.parse(last.stdout)).toMatchObject({ error: { code: 'conflict', status: 409 } });
    expect((await call('resume', 'S2')).stdout).toBe('Resumed S2.\n');
    await expect.poll(() => held('S2'), wait).toBe(null);

    const paused = await call('pause', 'S1', 'S2', '--json');
    expect(JSON.parse(paused.stdout)).toEqual({ replicas: ['S1', 'S2'], hold: 'paused' });
    await expect.poll(() => held('S1'), wait).toBe('paused');
    await call('resume', 'S1', 'S2');
  });

  it('adds replicas with weights, and changes weights', async () => {
    const { call, replicas } = await start({ REPLICAS: '1' });
    const planned = await call('add', '--dry-run', 'S9', '--weight', '3');
    const percent = /\nS9 +0\.0 % +(\d+\.\d) %\n/.exec(planned.stdout)?.[1];
    expect(Math.abs(Number(percent) - 75)).toBeLessThan(5);
    expect(await call('add', 'S9', 'S8', '--weight', 'S9=3')).toMatchObject({ code: 0, stderr: '' });
    expect((await replicas()).map(({ name, weight }) => [name, weight])).toEqual([
      ['S1', 1],
      ['S9', 3],
      ['S8', 1],
    ]);
    expect((await call('ls')).stdout).toMatch(/^REPLICA .* WEIGHT\nS1 .* 1\nS9 .* 3\nS8 .* 1\n/);
    const shown = await call('weight', '--dry-run', 'S8', '2');
    expect(shown.stdout).toContain('S8 gets the weight 2. What waits there stays there.\n');
    expect((await call('weight', 'S8', '2')).stdout).toBe('S8 has the weight 2 now.\n');
    const asJson = await call('weight', 'S8', '4', '--json');
    expect(JSON.parse(asJson.stdout)).toEqual({ replicas: ['S8'], weight: 4 });
    expect(await call('weight', 'S8', '11')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'ringpost: The body must be such as {"weight":3}; the weight must be an integer from 1 to 10.\n',
    });
    for (const [name, weight] of [
      ['S5', 'S6=2'],
      ['S5', 'x'],
    ] as const)
      expect(await call('add', name, '--weight', weight)).toMatchObject({ code: 2, stdout: '' });
    expect(await call('add', '--weight', '2')).toMatchObject({ code: 2, stdout: '' });
    expect(await call('weight', 'S8', 'x')).toMatchObject({ code: 2, stdout: '' });
  });

  it('restarts all replicas, and is told of an unknown one', async () => {
    const { call, replicas } = await start({ REPLICAS: '2' });
    expect(await call('restart')).toMatchObject({ code: 2, stdout: '' });
    const unknown = await call('restart', 'S7');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toBe('ringpost: There is no replica "S7"; there is S1, S2.\n');
    expect((await call('restart', '--all')).stdout).toMatch(/^Restarting S1 S2\./);
    await expect
      .poll(async () => (await replicas()).map(({ generation, hold }) => [generation, hold]), wait)
      .toEqual([
        [2, null],
        [2, null],
      ]);
  });

  it('sees with --dry-run what would move, and nothing changes', async () => {
    const { call } = await start({ REPLICAS: '2' });
    const before = (await call('ring', '--json')).stdout;
    const version = (text: string): unknown => (JSON.parse(text) as { version: unknown }).version;
    const added = await call('add', '--dry-run', 'S3', '-n', '2');
    expect(added).toMatchObject({ code: 0, stderr: '' });
    expect(added.stdout).toMatch(/^\d+\.\d % of all keys get another owner\.\n/);
    expect(added.stdout).toMatch(
      /\nREPLICA {2}KEYS NOW {2}KEYS AFTER\nS1 .*\nS2 .*\nS3 {6} 0\.0 % .*\nnew-1 .*\n$/,
    );
    const removed = await call('rm', '--dry-run', 'S2', '--json');
    expect(JSON.parse(removed.stdout)).toMatchObject({ rm: ['S2'], waiting: 0, running: 0 });
    expect((await call('drain', '--dry-run', 'S2')).stdout).toContain(
      'S2: running, without keys, until resumed.',
    );
    expect(await call('rm', '--dry-run', '-n', '1')).toMatchObject({ code: 2 });
    const taken = await call('add', '--dry-run', 'S1');
    expect(taken).toMatchObject({ code: 1, stderr: 'ringpost: hostname "S1" is already in use\n' });
    expect(version((await call('ring', '--json')).stdout)).toBe(version(before));
  });

  it('follows the requests as they end, by replica and status, until Ctrl-C', async () => {
    const { folder, url, call } = await start({ REPLICAS: '2' });
    const settings = { RINGPOST_URL: url };
    const all = startCli(folder, ['tail', '--json'], settings);
    const people = startCli(folder, ['tail', '--status', '5xx'], settings);
    const owner = (await fetch(`${url}/home`, { headers: { 'ringpost-key': 'k' } })).headers.get(
      'ringpost-replica',
    );
    const of = startCli(folder, ['tail', '--json', '--replica', owner ?? ''], settings);
    // Requests that ended before a gateway was watched are not shown.
    const ask = async (): Promise<boolean> => {
      await fetch(`${url}/home`, { headers: { 'ringpost-key': 'k' } });
      await fetch(`${url}/fail`, { headers: { 'ringpost-key': 'k' } });
      return [all, of].every((each) => each.stdout().includes('"path":"/fail"')) && people.stdout() !== '';
    };
    await expect.poll(ask, { ...wait, interval: 300 }).toBe(true);
    for (const line of all.stdout().trimEnd().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ method: 'GET', replica: owner, mode: 'wait' });
    expect(people.stdout()).toMatch(/^\d\d:\d\d:\d\d {2}500 {2}S\d {6} .*GET \/fail/);
    expect(people.stdout()).not.toContain('/home');
    for (const command of [all, people, of]) {
      command.kill('SIGINT');
      expect(await command.exited).toEqual({ code: 0, signal: null });
      expect(command.stderr()).toBe('');
    }
    expect(await call('tail', '--status', 'bad')).toMatchObject({ code: 2, stdout: '' });
  });

  it('is told if there is no gateway to follow, and that one is connected to again', async () => {
    const { folder, first, call } = await start({ REPLICAS: '1' });
    expect(await call('tail', '--url', 'http://127.0.0.1:1')).toMatchObject({ code: 3, stdout: '' });
    const tail = startCli(folder, ['tail', '--json'], { RINGPOST_URL: first.url });
    const seen = (path: string) => async (): Promise<boolean> => {
      await fetch(`${first.url}${path}`).catch(() => undefined);
      return tail.stdout().includes(`"path":"${path}"`);
    };
    await expect.poll(seen('/report'), { ...wait, interval: 300 }).toBe(true);
    first.kill('SIGTERM');
    await first.exited;
    await folder.startReady({ REPLICAS: '1', PORT: new URL(first.url).port });
    await expect.poll(seen('/home'), { ...wait, interval: 300 }).toBe(true);
    expect(tail.stderr()).toContain('ringpost: the gateway does not answer; connecting again\n');
    tail.kill('SIGINT');
    expect(await tail.exited).toEqual({ code: 0, signal: null });
  });
});
