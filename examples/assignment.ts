/**
 * Runs the usual steps of a client of the "customizable load balancer" assignment against ringpost, with the
 * settings that match the assignment:
 *
 *   RING=assignment RESPAWN=new REPLICAS=2 npm start
 *   npx node examples/assignment.ts [--url http://127.0.0.1:5000] [--requests 10000]
 *     [--kill 'docker kill {}']
 *
 * It counts the answers of each replica for N = 2 … 6, then kills a replica and waits until another one with
 * a random name has replaced it. It exits with 1 at the first result that differs from the assignment.
 * `--kill` is the command that kills a replica. Without it, the script looks for the replica's process among
 * those that run in this folder (Linux only).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:5000' },
    requests: { type: 'string', default: '10000' },
    kill: { type: 'string' },
  },
});
const requests = Number(values.requests);
/** How many requests run at once. */
const concurrency = 100;

interface Answer {
  readonly status: number;
  readonly body: { readonly message: unknown; readonly status: string };
}

async function call(method: string, path: string, body?: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const options = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`${values.url}${path}`, options);
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/**
 * Checks an answer that lists the replicas.
 * @returns their names.
 */
function namesIn({ status, body }: Answer): string[] {
  assert.equal(status, 200, JSON.stringify(body));
  const { N, replicas } = body.message as { N: number; replicas: string[] };
  assert.equal(body.status, 'successful');
  assert.equal(N, replicas.length);
  return replicas;
}

const rep = async (): Promise<string[]> => namesIn(await call('GET', '/rep'));

/** @returns how many requests each replica has answered. */
async function count(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let left = requests;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { status, body } = await call('GET', '/home');
      assert.equal(status, 200, JSON.stringify(body));
      const name = /^Hello from Server: (.*)$/.exec(String(body.message))?.[1];
      assert(name !== undefined, JSON.stringify(body));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return counts;
}

function show(counts: ReadonlyMap<string, number>, names: readonly string[]): string {
  return names.map((name) => `${name} ${counts.get(name) ?? 0}`).join(', ');
}

function kill(name: string): void {
  if (values.kill !== undefined) {
    execFileSync('sh', ['-c', values.kill.replaceAll('{}', name)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return;
  }
  const pid = readdirSync('/proc').find((each) => /^\d+$/.test(each) && isWorker(each, name));
  assert(
    pid !== undefined,
    `no process of ${name} runs in this folder; for containers, use --kill 'docker kill {}'`,
  );
  process.kill(Number(pid), 'SIGKILL');
}

function isWorker(pid: string, name: string): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const here = readlinkSync(`/proc/${pid}/cwd`) === process.cwd();
    return here && command.includes('worker/main.ts') && environment.includes(`REPLICA=${name}`);
  } catch {
    // The process has ended, or belongs to another user.
    return false;
  }
}

/** Waits until all replicas of a system that has just started are in the ring. */
async function untilStarted(): Promise<void> {
  const started = performance.now();
  for (;;) {
    const response = await fetch(`${values.url}/-/ring`);
    const { replicas } = (await response.json()) as { replicas: { inRing: boolean }[] };
    if (replicas.length > 0 && replicas.every(({ inRing }) => inRing)) return;
    assert(performance.now() - started < 60_000, 'the replicas did not start within a minute');
    await delay(100);
  }
}

async function scale(): Promise<void> {
  console.log(`GET /home, ${requests} requests for each N`);
  let names = await rep();
  if (names.length > 2)
    names = namesIn(await call('DELETE', '/rm', { n: names.length - 2, hostnames: names.slice(2) }));
  for (let n = 2; n <= 6; n += 1) {
    if (names.length < n) {
      const added = `S${n}`;
      names = namesIn(await call('POST', '/add', { n: 1, hostnames: names.includes(added) ? [] : [added] }));
    }
    assert.equal(names.length, n);
    assert.deepEqual(await rep(), names);
    const counts = await count();
    assert.deepEqual(
      [...counts.keys()].filter((name) => !names.includes(name)),
      [],
    );
    console.log(`  N = ${n}: ${show(counts, names)}`);
  }
}

async function respawn(): Promise<void> {
  const before = await rep();
  const victim = before[1] ?? '';
  const killed = performance.now();
  kill(victim);
  let names = await rep();
  while (names.includes(victim) || names.length < before.length) {
    assert(names.length <= before.length, `${names.length} replicas instead of ${before.length}`);
    assert(performance.now() - killed < 60_000, `${victim} was not replaced within a minute`);
    await delay(20);
    names = await rep();
  }
  const replacement = names[1] ?? '';
  assert.deepEqual(names, before.with(1, replacement));
  assert(!before.includes(replacement));
  console.log(
    `killed ${victim}: ${replacement} has its place after ${Math.round(performance.now() - killed)} ms`,
  );
  const counts = await count();
  assert.deepEqual(
    [...counts.keys()].filter((name) => !names.includes(name)),
    [],
  );
  console.log(`  N = ${names.length}: ${show(counts, names)}`);
}

async function refusals(): Promise<void> {
  const cases = [
    [
      'POST',
      '/add',
      { n: 1, hostnames: ['A1', 'A2'] },
      'Length of hostname list is more than newly added instances',
    ],
    [
      'DELETE',
      '/rm',
      { n: 1, hostnames: ['A1', 'A2'] },
      'Length of hostname list is more than removable instances',
    ],
    ['GET', '/other', undefined, "'/other' endpoint does not exist in server replicas"],
  ] as const;
  for (const [method, path, body, message] of cases) {
    const answer = await call(method, path, body);
    assert.deepEqual(answer, { status: 400, body: { message: `<Error> ${message}`, status: 'failure' } });
  }
  const names = await rep();
  const left = namesIn(await call('DELETE', '/rm', { n: 2, hostnames: names.slice(-1) }));
  assert.equal(left.length, names.length - 2);
  console.log(`removed two, one of them at random: ${left.join(', ')}`);
}

await untilStarted();
await scale();
await respawn();
await refusals();
console.log('all results are as in the assignment');
