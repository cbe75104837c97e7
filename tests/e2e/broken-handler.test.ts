import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CrashNote } from '#shared/store/lease/crash-notes.ts';
import { projectFolder } from '../fixtures/command.ts';
import { shareCompiledCode, useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();

const broken = "export default {\n  fetch( {\n    return new Response('mended');\n  },\n};\n";
const mended = "export default {\n  fetch() {\n    return new Response('mended');\n  },\n};\n";

interface Shown {
  readonly replicas: readonly {
    readonly reason: string;
    readonly failures: number;
    readonly crash: CrashNote | null;
  }[];
}

it('a broken handler is told in a few lines, however often it fails, and serves once it is mended', async () => {
  const { folder, start } = await scratch();
  await shareCompiledCode(folder);
  await writeFile(join(folder, 'handler.ts'), broken);
  const command = start({ HANDLER: './handler.ts', START_TIMEOUT_MS: '20000' });
  const line = await command.line(/^ringpost listens/);
  const reason =
    "HANDLER ./handler.ts cannot be loaded: SyntaxError: Expected ',', got 'new' (./handler.ts:3:12)";
  const [, url = ''] = /^ringpost listens on (\S+),/.exec(line) ?? [];
  expect(line).toContain(`are ready: none (S1 S2 S3: ${reason}); see ${url}/-/ring`);
  // routes/ring.ts writes it so.
  const shown = async (): Promise<Shown> => (await (await fetch(`${url}/-/ring`)).json()) as Shown;
  const fewest = async (): Promise<number> =>
    Math.min(...(await shown()).replicas.map(({ failures }) => failures));
  await expect.poll(fewest, { timeout: 60_000 }).toBeGreaterThanOrEqual(3);
  const { replicas } = await shown();
  expect(replicas.map((replica) => replica.reason)).toEqual([reason, reason, reason]);
  for (const { crash } of replicas) {
    expect(crash?.reason).toBe(reason);
    expect(crash?.stderr).toContain("    > 3 |     return new Response('mended');");
  }
  const lines = command.stderr().trimEnd().split('\n');
  expect(lines.filter((each) => each.includes('cannot be loaded'))).toHaveLength(1);
  expect(lines.length, command.stderr()).toBeLessThanOrEqual(3);
  await writeFile(join(folder, 'handler.ts'), mended);
  await expect.poll(async () => (await fetch(`${url}/`)).text(), { timeout: 60_000 }).toBe('mended');
  await command.line(/workers can load their handler again/);
  command.kill('SIGTERM');
  expect((await command.exited).code).toBe(0);
});

/** Runs a command line with a terminal as its stdin, stdout and stderr, which are stdout here. */
const onTerminal = ['-c', 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'];

it.each([
  ['with colours', {}],
  ['without colours', { NO_COLOR: '1' }],
])('logs on a terminal are for people, those of workers too: %s', async (_, colors) => {
  const { folder, run } = await scratch();
  await shareCompiledCode(folder);
  await writeFile(
    join(folder, 'handler.ts'),
    "export default () => {\n  console.log('hello');\n  throw new Error('boom');\n};\n",
  );
  const command = run(
    'python3',
    [...onTerminal, process.execPath, join(projectFolder, 'gateway', 'main.ts')],
    { PORT: '0', REPLICAS: '1', HANDLER: './handler.ts', TERM: 'xterm-256color', ...colors },
  );
  const [, url = ''] = /ready on (\S+)/.exec(await command.line(/^ringpost ready on/)) ?? [];
  const { headers } = await fetch(url);
  const id = headers.get('ringpost-request')?.slice(0, 8) ?? '';
  await command.line(/throw new Error/);
  // oxlint-disable-next-line no-control-regex -- colours are such characters
  const colour = /\u001b\[\d+m/g;
  const isColored = colour.test(command.stdout());
  expect(isColored).toBe(!('NO_COLOR' in colors));
  const lines = command.stdout().replace(colour, '').split('\r\n');
  const printed = lines.find((each) => each.includes('hello'));
  expect(printed).toMatch(new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} INFO: S1 ${id} hello$`));
  const failed = lines.findIndex((each) => each.endsWith(`ERROR: S1 ${id} the handler failed: Error: boom`));
  expect(lines.slice(failed + 1, failed + 5)).toEqual([
    '    ./handler.ts:3:9',
    '      1 | export default () => {',
    "      2 |   console.log('hello');",
    "    > 3 |   throw new Error('boom');",
  ]);
  expect(command.stdout()).not.toContain('{"level"');
});
