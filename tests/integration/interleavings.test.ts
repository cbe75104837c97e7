import { expect, it } from 'vitest';
import { runCommand } from '../fixtures/command.ts';
import { guards } from '../interleave/guards.ts';

/** Runs schedules in a process of their own, since they replace its clock. @returns what it prints. */
async function interleave(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const command = runCommand(process.execPath, ['tests/interleave/main.ts', ...args], {});
  const { code } = await command.exited;
  return { code, output: command.stdout() + command.stderr() };
}

it('finds nothing wrong in schedules that seeds decide', async () => {
  const { code, output } = await interleave(['--seeds', '50', '--minutes', '0.5']);
  expect(code, output).toBe(0);
});

it.each(guards)('notices if the guard $name is taken out', async ({ name, seed }) => {
  const { code, output } = await interleave(['--guard', name, '--seed', String(seed), '--seeds', '1']);
  expect(code, output).toBe(1);
  expect(output).toContain(`seed ${seed}: `);
});
