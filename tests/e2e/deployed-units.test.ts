import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { deployedUnits } from '../fixtures/deploy-files.ts';
import { programFile, python } from '../fixtures/programs.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { shareCompiledCode, useScratch, whenReady } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const scratch = useScratch();
const system = useSystem();

/** @returns a command line under which a process can make only sockets of the unit's address families. */
const restricted = (families: readonly string[]): readonly string[] =>
  python === undefined ? [] : [python, programFile('restricted.py'), families.join(',')];

// systemd itself cannot run here. `systemd-analyze` checks the units in `tests/integration`.
it('processes with the settings of the systemd units make a system, and end with 0', async () => {
  const { redisUrl, namespace } = system();
  const { folder, run } = await scratch();
  await shareCompiledCode(folder);
  const start = async (
    unit: string,
    role: 'gateway' | 'controller' | 'worker',
    more: NodeJS.ProcessEnv = {},
  ): Promise<RunningCommand> => {
    const found = deployedUnits().find(({ name }) => name === unit);
    if (found === undefined) throw new Error(`there is no ${unit}`);
    // The folder of credentials, and the part of the unit's name after the @.
    const credentials = join(folder, unit);
    await mkdir(credentials);
    await writeFile(join(credentials, 'redis-url'), `${roleUrl(redisUrl, namespace, role)}\n`);
    await writeFile(join(credentials, 'admin-token'), 'ops:0123456789abcdef0123456789abcdef\n');
    const settings = Object.entries(found.settings).map(([name, value]): [string, string] => [
      name,
      value.replace('%d', credentials).replace('%i', 'a1'),
    ]);
    const main = join(projectFolder, role === 'worker' ? 'worker' : 'gateway', 'main.ts');
    const [command, ...args] = [...restricted(found.addressFamilies), process.execPath, main];
    return run(command, args, { ...Object.fromEntries(settings), NAMESPACE: namespace, ...more });
  };
  const free = { PORT: '0', ADMIN_PORT: '0' };
  const gateway = await start('ringpost-gateway.service', 'gateway', free);
  const controller = await start('ringpost-controller.service', 'controller');
  const worker = await start('ringpost-worker@.service', 'worker');
  const url = (await whenReady(gateway)).url.replace('0.0.0.0', '127.0.0.1');
  await expect
    .poll(async () => (await fetch(`${url}/-/ready`)).status, { timeout: 30_000, message: worker.stderr() })
    .toBe(200);
  const answer = await fetch(`${url}/home`);
  expect([answer.status, answer.headers.get('ringpost-replica')]).toEqual([200, 'a1']);
  for (const each of [worker, gateway, controller]) {
    each.kill('SIGTERM');
    expect(await each.exited).toEqual({ code: 0, signal: null });
  }
});
