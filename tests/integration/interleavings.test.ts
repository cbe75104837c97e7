import { expect, it } from 'vitest';
import { runCommand } from '../fixtures/command.ts';

/** Runs schedules in a process of their own, since they replace its clock. @returns what it prints. */
async function interleave(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const command = runCommand(process.execPath, ['tests/interleave/main.ts', ...args], {});
  const { code } = await command.exited;
  return { code, output: command.stdout() + command.stderr() };
}

it('finds nothing wrong in schedules that seeds decide', async () => {
  const { code, output } = await interleave(['--seeds', '60', '--minutes', '0.5']);
  expect(code, output).toBe(0);
});

it('plays the scenarios of known faults, each of which fails without its guard', async () => {
  const { code, output } = await interleave(['--scenarios']);
  expect(code, output).toBe(0);
});

it('takes the same steps of a seed with another server', async () => {
  const replays = [];
  for (let server = 0; server < 3; server += 1) replays.push(await interleave(['--replay', '9015544']));
  const [first] = replays;
  for (const each of replays) expect(each).toEqual(first);
});
