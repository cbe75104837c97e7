import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { spawnTethered, type TetheredProcess } from '#shared/process/tethered.ts';

const env = { PATH: process.env['PATH'] };
const IGNORES_TERM = 'trap "" TERM; echo up; while :; do sleep 0.05; done';
const tetheredModule = new URL('../../shared/process/tethered.ts', import.meta.url).href;
const started: TetheredProcess[] = [];

function start(command: string, args: string[], onParentDeath: 'SIGTERM' | 'SIGKILL' = 'SIGKILL') {
  const child = spawnTethered(command, args, { env, onParentDeath, stdout: 'pipe' });
  started.push(child);
  return child;
}

/** @returns the pids in a process group, without zombies. */
function pidsOf(pgid: number): number[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, leader, stat]) => Number(leader) === pgid && !stat?.startsWith('Z'))
    .map(([pid]) => Number(pid));
}

/** @returns the pids that are left in a process group when it has ended or the time is up. */
async function leftOver(pgid: number, withinMs = 1000): Promise<number[]> {
  const deadline = performance.now() + withinMs;
  let left = pidsOf(pgid);
  while (left.length > 0 && performance.now() < deadline) {
    await delay(10);
    left = pidsOf(pgid);
  }
  return left;
}

/** A process that starts a tethered child and prints its pid, then what the child prints. */
async function parentOf(command: string, args: string[], onParentDeath: string, then = '') {
  const script = `
    import { spawn } from 'node:child_process';
    import { spawnTethered } from ${JSON.stringify(tetheredModule)};
    const child = spawnTethered(${JSON.stringify(command)}, ${JSON.stringify(args)},
      { env: process.env, onParentDeath: ${JSON.stringify(onParentDeath)}, stdout: 'pipe' });
    console.log(child.pid);
    child.stdout.once('data', () => { ${then} });
    child.stdout.pipe(process.stdout);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of parent.stdout.iterator({ destroyOnReturn: false })) {
    output += String(chunk);
    if (output.includes('up')) break;
  }
  return { parent, pid: Number.parseInt(output, 10), other: Number(/other (\d+)/.exec(output)?.[1]) };
}

afterEach(async () => {
  for (const child of started.splice(0)) {
    await child.stop({ graceMs: 0 });
    assert.deepEqual(await leftOver(child.pid), []);
  }
});

test.each([
  ['sleeps', 'SIGKILL', 'echo up; exec sleep 1000'],
  ['ignores SIGTERM', 'SIGKILL', IGNORES_TERM],
  ['is stopped', 'SIGKILL', 'echo up; kill -STOP $$; sleep 1000'],
  ['has a child of its own', 'SIGKILL', 'sleep 1000 & echo up; wait'],
  ['sleeps', 'SIGTERM', 'echo up; exec sleep 1000'],
])('a child that %s ends by %s with its SIGKILLed parent', async (_, onParentDeath, script) => {
  const { parent, pid } = await parentOf('sh', ['-c', script], onParentDeath);
  expect(pidsOf(pid)).toContain(pid);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  expect(await leftOver(pid)).toEqual([]);
});

test('a child with a blocked event loop ends with its parent', async () => {
  const { parent, pid } = await parentOf(
    process.execPath,
    ['-e', "process.on('SIGTERM', () => {}); require('fs').writeSync(1, 'up'); for (;;);"],
    'SIGKILL',
  );
  parent.kill('SIGKILL');
  expect(await leftOver(pid)).toEqual([]);
});

test('a child ends with a parent that exits without stopping it', async () => {
  const { parent, pid } = await parentOf(
    'sh',
    ['-c', 'echo up; exec sleep 1000'],
    'SIGKILL',
    'process.exit(0)',
  );
  if (parent.exitCode === null) await once(parent, 'exit');
  expect(await leftOver(pid)).toEqual([]);
});

test('a child can clean up after the death of its parent if the signal is SIGTERM', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ringpost-tethered-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const script = 'trap "sleep 0.2; echo tidy >$0; exit 0" TERM; echo up; while :; do sleep 0.05; done';
  const { parent, pid } = await parentOf('sh', ['-c', script, join(directory, 'said')], 'SIGTERM');
  parent.kill('SIGKILL');
  expect(await leftOver(pid, 3000)).toEqual([]);
  expect(readFileSync(join(directory, 'said'), 'utf8')).toBe('tidy\n');
});

test('another child of the same parent does not keep the tether open', async () => {
  const then = "console.log('other', spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).pid)";
  const { parent, pid, other } = await parentOf('sh', ['-c', 'echo up; exec sleep 1000'], 'SIGKILL', then);
  parent.kill('SIGKILL');
  expect(await leftOver(pid)).toEqual([]);
  expect(process.kill(other, 'SIGKILL')).toBe(true);
});

test('a child leads its own process group and gets no child process', async () => {
  const child = start('sh', ['-c', 'echo up; exec sleep 1000']);
  if (child.stdout !== null) await once(child.stdout, 'data');
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  expect(rows.find(([pid]) => pid === child.pid)).toEqual([child.pid, process.pid, child.pid]);
  expect(rows.filter(([, parent]) => parent === child.pid)).toEqual([]);
});

test('no watcher is left after the child has ended on its own', async () => {
  const child = start('true', []);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(await leftOver(child.pid)).toEqual([]);
});

test('stop kills a child that ignores SIGTERM after the grace period; a second stop joins it', async () => {
  const child = start('sh', ['-c', IGNORES_TERM]);
  if (child.stdout !== null) await once(child.stdout, 'data');
  const before = performance.now();
  const exits = await Promise.all([child.stop({ graceMs: 100 }), child.stop({ graceMs: 60_000 })]);
  expect(performance.now() - before).toBeGreaterThan(95);
  expect(exits).toEqual([
    { code: null, signal: 'SIGKILL' },
    { code: null, signal: 'SIGKILL' },
  ]);
  expect(await leftOver(child.pid)).toEqual([]);
  expect(child.kill('SIGTERM')).toBe(false);
});

function startGroup(script: string): TetheredProcess {
  const child = spawnTethered('sh', ['-c', script], {
    env,
    onParentDeath: 'SIGKILL',
    signalled: 'group',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  started.push(child);
  return child;
}

test('stop gives each process of a signalled group its grace, and then nothing is left', async () => {
  // The outer shell dies of SIGTERM at once.
  const inner = `trap "sleep 0.3; echo tidy; exit 0" TERM; echo up; while :; do sleep 0.05; done`;
  const child = startGroup(`sh -c '${inner}'; true`);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await expect.poll(() => output).toBe('up\n');
  const before = performance.now();
  await child.stop({ graceMs: 10_000 });
  expect(performance.now() - before).toBeLessThan(5000);
  expect(output).toBe('up\ntidy\n');
  expect(await leftOver(child.pid)).toEqual([]);
  expect(child.kill('SIGTERM')).toBe(false);
});

test('stop kills what is left of a signalled group after the grace', async () => {
  const child = startGroup(`sh -c '${IGNORES_TERM}'; true`);
  if (child.stdout !== null) await once(child.stdout, 'data');
  child.stdout?.resume();
  child.stderr?.resume();
  const before = performance.now();
  await child.stop({ graceMs: 200 });
  expect(performance.now() - before).toBeGreaterThan(195);
  expect(await leftOver(child.pid)).toEqual([]);
});

test('a signalled group ends with a child that ends by itself', async () => {
  const child = startGroup('sleep 1000 & exit 3');
  expect(await child.exited).toEqual({ code: 3, signal: null });
  expect(await leftOver(child.pid)).toEqual([]);
});

test.each([
  ['exit 7', { code: 7, signal: null }],
  ['kill -USR1 $$', { code: null, signal: 'SIGUSR1' }],
])('the exit code or signal of `%s` is reported', async (script, end) => {
  expect(await start('sh', ['-c', script]).exited).toEqual(end);
});

test('arguments and environment arrive unchanged', async () => {
  const child = spawnTethered('/bin/sh', ['-c', 'printf "%s|" "$@" "$FOO"', 'x', '', 'a b', '$HOME', '*'], {
    env: { FOO: 'b"a\nr' },
    onParentDeath: 'SIGKILL',
    stdout: 'pipe',
  });
  started.push(child);
  const chunks = child.stdout === null ? [] : await child.stdout.setEncoding('utf8').toArray();
  expect(chunks.join('')).toBe('|a b|$HOME|*|b"a\nr|');
});

test('the error names a command or a directory that does not exist', () => {
  const options = { env, onParentDeath: 'SIGKILL' } as const;
  expect(() => spawnTethered('no-such-command', [], options)).toThrow(
    'cannot start no-such-command: no such executable file',
  );
  expect(() => spawnTethered(tmpdir(), [], options)).toThrow('no such executable file');
  expect(() => spawnTethered('true', [], { ...options, cwd: '/no/such' })).toThrow('no directory /no/such');
});
