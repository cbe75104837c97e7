import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';
import { useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A line of a worker's log. */
interface Line {
  readonly role: string;
  readonly level: number;
  readonly replica: string;
  readonly request?: string;
  readonly stream?: string;
  readonly msg: string;
  readonly frame?: string;
  readonly err?: { readonly stack: string };
}

async function withWorker(current: System, settings: NodeJS.ProcessEnv) {
  const worker = await workers.start(current, 'S1', settings);
  const { url, gateway } = await current.start({
    REPLICA_DRIVER: 'none',
    REPLICAS: '1',
    LEASE_MS: String(workerLeaseMs),
  });
  await gateway.watcher.until(({ ring }) => ring.has('S1'), 20_000);
  return { worker, ask: (target: string): Promise<Response> => fetch(`${url}${target}`, { method: 'POST' }) };
}

function linesOf(worker: RunningCommand): Line[] {
  const lines = worker.stderr().split('\n');
  // A worker writes no others.
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
}

describe('lines that a handler prints', () => {
  it('carry the id of their own request, however many run at once', async () => {
    const { worker, ask } = await withWorker(system(), { HANDLER: handlerFile('printing') });
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('/print?ms=30')));
    const ids = await Promise.all(
      answers.map(async (answer) => {
        expect((await answer.bytes()).length).toBe(20);
        return answer.headers.get('ringpost-request');
      }),
    );
    await expect.poll(() => linesOf(worker).length).toBe(1 + 50 * 12);
    const [loaded, ...lines] = linesOf(worker);
    const about = { role: 'handler', replica: 'S1' };
    expect(loaded).toEqual({
      ...about,
      level: 30,
      time: expect.any(Number) as number,
      stream: 'stdout',
      msg: 'loaded',
    });
    for (const line of lines) {
      expect(line).toMatchObject(about);
      expect(line.msg).toContain(` of ${line.request}`);
      expect(line.stream).toBe(line.msg.startsWith('after') ? 'stderr' : 'stdout');
    }
    for (const id of ids) expect(lines.filter(({ request }) => request === id)).toHaveLength(12);
    expect(worker.stdout()).toBe('');
  });

  it('have a limited length, and are there if the worker ends without a line break', async () => {
    const { worker, ask } = await withWorker(system(), { HANDLER: handlerFile('printing') });
    expect((await ask('/long')).status).toBe(200);
    const lost = ask('/exit');
    expect(await worker.exited).toEqual({ code: 3, signal: null });
    const [, long, last, ...others] = linesOf(worker);
    expect(long?.msg).toMatch(/^x{16384}… \(83616 more characters\)$/);
    expect(last?.msg).toBe('no line break');
    expect(others).toEqual([]);
    await workers.start(system(), 'S1', { HANDLER: handlerFile('printing') });
    expect((await lost).status).toBe(502);
  });

  it('are printed by no built-in service, which has none', async () => {
    const { worker, ask } = await withWorker(system(), { HANDLER: '' });
    expect((await ask('/echo')).status).toBe(200);
    expect(worker.stderr()).toBe('');
  });
});

describe('an error in a handler', () => {
  it('is logged with the code, then shortly, then not at all', async () => {
    const settings = { HANDLER: handlerFile('printing'), LOG_LEVEL: 'error' };
    const { worker, ask } = await withWorker(system(), settings);
    for (let batch = 0; batch < 10; batch += 1)
      await Promise.all(Array.from({ length: 20 }, () => ask('/throw')));
    const failures = linesOf(worker).filter(({ msg }) => msg.startsWith('the handler failed'));
    // 200 in one or two windows.
    expect(failures.length).toBeGreaterThanOrEqual(50);
    expect(failures.length).toBeLessThanOrEqual(100);
    const full = failures.filter(({ err }) => err !== undefined);
    expect(full.length).toBeLessThanOrEqual(2);
    expect(full[0]).toMatchObject({ msg: 'the handler failed', request: expect.any(String) as string });
    expect(full[0]?.frame).toMatch(/^\.\/tests\/fixtures\/handlers\/printing\.ts:32:\d+\n/);
    expect(full[0]?.frame).toContain('throw new RangeError');
    expect(full[0]?.err?.stack).toContain('printing.ts:32:');
    expect(failures[1]).toMatchObject({
      msg: 'the handler failed again',
      reason: expect.any(String) as string,
    });
  });

  it('names the file, line and column that the user wrote if the handler is bundled', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ringpost-bundle-'));
    folders.push(folder);
    const entry = join(folder, 'source.ts');
    await writeFile(
      entry,
      `enum Kind { Bad = 'bad' }
interface Thing {
  readonly kind: Kind;
}

function check(thing: Thing): Response {
  if (thing.kind === Kind.Bad) throw new TypeError('a bad thing');
  return new Response('ok');
}

export default { fetch: async () => check({ kind: Kind.Bad }) };
`,
    );
    const HANDLER = join(folder, 'bundle.mjs');
    await build({
      entryPoints: [entry],
      outfile: HANDLER,
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'node',
      sourcemap: 'inline',
    });
    const { worker, ask } = await withWorker(system(), { HANDLER, LOG_LEVEL: 'error' });
    expect((await ask('/')).status).toBe(500);
    await expect.poll(() => linesOf(worker).length).toBe(1);
    const [line] = linesOf(worker);
    expect(line?.err?.stack).toContain(`${entry}:7:38`);
    expect(line?.frame?.split('\n', 1)).toEqual([`${entry}:7:38`]);
    expect(line?.frame).toContain("> 7 |   if (thing.kind === Kind.Bad) throw new TypeError('a bad thing');");
  });
});

describe('a handler that cannot be loaded', () => {
  it.each([
    [
      'with a syntax error',
      "export default {\n  fetch( {\n    return new Response('x');\n  },\n};\n",
      /^HANDLER (\S+) cannot be loaded: SyntaxError: .* \(\1:3:12\)$/,
      '> 3 |     return',
    ],
    [
      'with a missing package',
      "import { Hono } from 'no-such-package/deep';\nexport default new Hono();\n",
      /cannot be loaded: the package no-such-package is not installed; run npm install no-such-package \(.*:1:22\)$/,
      "> 1 | import { Hono } from 'no-such-package/deep'",
    ],
    [
      'with a missing file',
      "// see ./nothing.ts\nimport { x } from './nothing.ts';\nexport default x;\n",
      /cannot be loaded: there is no file \S+\/nothing\.ts, which \S+ imports \(.*:2:19\)$/,
      "> 2 | import { x } from './nothing.ts'",
    ],
    [
      'that throws',
      "const settings: { a?: { b: string } } = {};\nexport default () => new Response(settings.a?.b);\nsettings.a!.b = 'x';\n",
      /cannot be loaded: TypeError: Cannot set properties of undefined \(setting 'b'\) \(.*:3:15\)$/,
      "> 3 | settings.a!.b = 'x'",
    ],
  ])('%s says so in one line with the code, notes it, and exits with 78', async (_, text, message, code) => {
    const folder = await mkdtemp(join(tmpdir(), 'ringpost-broken-'));
    folders.push(folder);
    const HANDLER = join(folder, 'handler.ts');
    await writeFile(HANDLER, text);
    const worker = workers.launch(system(), 'S1', { HANDLER, LOG_LEVEL: 'warn' });
    expect(await worker.exited).toEqual({ code: 78, signal: null });
    const [line, ...others] = linesOf(worker);
    expect(others).toEqual([]);
    expect(line?.msg).toMatch(message);
    expect(line?.frame).toContain(code);
    const note = await new CrashNotes(system().connection).read('S1');
    expect(note).toMatchObject({ generation: 1, reason: line?.msg });
  });

  it('names the file of a syntax error that only V8 knows of', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ringpost-broken-'));
    folders.push(folder);
    const HANDLER = join(folder, 'handler.mjs');
    await writeFile(HANDLER, "import './part.mjs';\nexport default () => new Response('x');\n");
    await writeFile(join(folder, 'part.mjs'), 'export const a = 1;\nexport const b = ;\n');
    const worker = workers.launch(system(), 'S1', { HANDLER, LOG_LEVEL: 'warn' });
    expect(await worker.exited).toEqual({ code: 78, signal: null });
    const [line] = linesOf(worker);
    const place = `${join(folder, 'part.mjs')}:2:18`;
    expect(line?.msg).toBe(
      `HANDLER ${HANDLER} cannot be loaded: SyntaxError: Unexpected token ';' (${place})`,
    );
    expect(line?.frame).toContain('> 2 | export const b = ;');
  });
});
