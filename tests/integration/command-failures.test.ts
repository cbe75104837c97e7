import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { unloadedExitCode } from '#shared/contract/unloaded.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { python, pythonCounter } from '../fixtures/programs.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-command-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe('a program that cannot be started', () => {
  const late =
    /^COMMAND was not ready in time \(START_TIMEOUT_MS\): it has to listen on the port in PORT, which was \d+, but /;
  it.each([
    {
      how: 'does not exist',
      COMMAND: 'no-such-program --flag',
      reason: /^COMMAND exited with code 127 \(the shell does not find it\) before it was ready$/,
      stderr: /no-such-program: (?:command )?not found/,
    },
    {
      how: 'exits at once',
      COMMAND: 'echo first >&2; echo sorry >&2; exit 3',
      reason: /^COMMAND exited with code 3 before it was ready$/,
      stderr: /^first\nsorry$/,
    },
    {
      how: 'goes into the background',
      COMMAND: 'echo started >&2; exit 0',
      reason: /^COMMAND exited with code 0 before it was ready; it has to stay in the foreground$/,
      stderr: /^started$/,
    },
    {
      how: 'never listens',
      COMMAND: 'echo idle >&2; exec sleep 1000',
      reason: new RegExp(`${late.source}nothing listens on that port$`),
      stderr: /^idle$/,
    },
    ...(python === undefined
      ? []
      : [
          {
            how: 'is never ready',
            COMMAND: `exec ${python} -m http.server $PORT --bind 127.0.0.1`,
            COMMAND_READY: '/no-such-file',
            reason: new RegExp(`${late.source}/no-such-file is answered 404$`),
            stderr: /404/,
          },
        ]),
  ])(
    'says in one line and in /-/ring why it $how',
    async ({ how, COMMAND, COMMAND_READY, reason, stderr }) => {
      const current = system();
      const worker = workers.launch(current, 'S1', {
        HANDLER: '',
        COMMAND,
        ...(COMMAND_READY === undefined ? {} : { COMMAND_READY }),
        GENERATION: '1',
        LOG_LEVEL: 'error',
        START_TIMEOUT_MS: how.includes('never') ? '15000' : '60000',
      });
      expect(await worker.exited).toEqual({ code: unloadedExitCode, signal: null });
      const crash = await new CrashNotes(current.connection).read('S1');
      expect(crash?.reason).toMatch(reason);
      expect(crash?.stderr?.join('\n')).toMatch(stderr);
      const said = worker
        .stderr()
        .split('\n')
        .filter((line) => line.includes('"level":60'));
      expect(said.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([crash?.reason]);
    },
  );
});

describe.skipIf(python === undefined)('a program whose port is taken', () => {
  it('is started again with another port', async () => {
    const current = system();
    const folder = await newFolder();
    const taken = join(folder, 'taken');
    // At its first start, a process that is not of its group takes the port, and answers nothing.
    const take =
      'import os, socket, sys, time; s = socket.create_server(("127.0.0.1", int(os.environ["PORT"]))); ' +
      'open(sys.argv[1], "w").write(str(os.getpid())); time.sleep(600)';
    const COMMAND =
      `if [ ! -e ${taken} ]; then setsid ${python} -c '${take}' ${taken} & ` +
      `while [ ! -s ${taken} ]; do sleep 0.05; done; exit 1; fi; ${pythonCounter}`;
    onTestFinished(async () => void process.kill(Number(await readFile(taken, 'utf8')), 'SIGKILL'));
    const worker = await workers.start(current, 'S1', {
      HANDLER: '',
      COMMAND,
      COMMAND_READY: '/healthz',
      START_TIMEOUT_MS: '60000',
      LOG_LEVEL: 'warn',
    });
    expect(worker.stderr()).toContain('another process has taken the port of COMMAND; trying another one');
  });
});

describe.skipIf(python === undefined)('a rolling replacement', () => {
  it('runs both copies of the program side by side until the old worker has left', async () => {
    const current = system();
    const settings = { HANDLER: '', COMMAND: pythonCounter, START_TIMEOUT_MS: '60000' };
    const old = await workers.start(current, 'S1', settings);
    const { url } = await current.start({ REPLICA_DRIVER: 'none', REPLICAS: '1' });
    interface Environment {
      readonly PORT: string;
      readonly RINGPOST_GENERATION: string;
    }
    const environment = async (): Promise<Environment> =>
      (await (await fetch(`${url}/environment`)).json()) as Environment; // the program answers so
    const before = await environment();
    workers.launch(current, 'S1', settings);
    await eventually(async () => (await current.redis.exists(current.keys.standby('S1'))) === 1);
    expect(await environment()).toMatchObject({ PORT: before.PORT, RINGPOST_GENERATION: '1' });
    old.kill('SIGTERM');
    expect(await old.exited).toEqual({ code: 0, signal: null });
    expect(old.stderr()).toContain('told to end');
    const after = await environment();
    expect(after.RINGPOST_GENERATION).toBe('2');
    expect(after.PORT).not.toBe(before.PORT);
  });
});
