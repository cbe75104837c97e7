import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { fileSetting, secretSettings, takeSecrets, withoutSecrets } from '#shared/settings/secrets.ts';
import { gatewaySettings } from '../../gateway/settings/settings.ts';
import { workerSettings } from '../../worker/config.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringpost-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

function file(content: string): string {
  const path = join(folder, 'secret');
  writeFileSync(path, content);
  return path;
}

it('treats every setting with the name of a secret as a secret', () => {
  const all = Object.keys({ ...gatewaySettings.properties, ...workerSettings.properties });
  const secret = all.filter((name) => /TOKEN|SECRET|PASSWORD|REDIS_URL/.test(name));
  expect(secretSettings).toEqual(expect.arrayContaining(secret));
});

it.each(secretSettings)('removes %s and its file from the environment and keeps the rest', (name) => {
  const env = { PATH: '/bin', PORT: '1', [name]: 'value' };
  expect(takeSecrets(env)).toEqual({ env: { PATH: '/bin', PORT: '1', [name]: 'value' }, faults: [] });
  expect(env).toEqual({ PATH: '/bin', PORT: '1' });

  const other = { PORT: '1', [fileSetting(name)]: file('from a file\n') };
  expect(takeSecrets(other)).toEqual({ env: { PORT: '1', [name]: 'from a file' }, faults: [] });
  expect(other).toEqual({ PORT: '1' });
  expect(withoutSecrets({ PORT: '1', [name]: 'value', [fileSetting(name)]: 'file' })).toEqual({ PORT: '1' });
});

it('reads a non-blocking pipe until its writer closes it, however late that is', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(reader));
  const script = 'exec 3>"$0"; sleep 0.3; printf sec >&3; sleep 0.3; printf ret >&3';
  const writer = spawn('sh', ['-c', script, pipe], { stdio: 'ignore' });
  onTestFinished(() => void writer.kill());
  // A pipe without a writer is at its end. With a writer that has written nothing, reading gives EAGAIN.
  await expect
    .poll(() => {
      try {
        return readSync(reader, Buffer.alloc(1)) === 0 ? 'no writer' : 'data';
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : error;
      }
    })
    .toBe('EAGAIN');
  const { env, faults } = takeSecrets({ ADMIN_TOKEN_FILE: `/dev/fd/${reader}` });
  expect([env['ADMIN_TOKEN'], faults]).toEqual(['secret', []]);
});

it.each([
  ['value\n', 'value'],
  ['value\r\n', 'value'],
  ['value', 'value'],
  ['value\n\n', 'value\n'],
  [' value ', ' value '],
])('reads from a file with %j the secret %j', (content, secret) => {
  expect(takeSecrets({ ADMIN_TOKEN_FILE: file(content) }).env['ADMIN_TOKEN']).toBe(secret);
});

it.each([
  ['that does not exist', () => join(folder, 'none'), 'it cannot be read (ENOENT)'],
  ['that is a folder', () => folder, 'it cannot be read (EISDIR)'],
  ['that is empty', () => file(''), 'it is empty'],
  ['that has only a newline', () => file('\n'), 'it is empty'],
])('reports a file %s', (_, make, fault) => {
  const path = make();
  const { env, faults } = takeSecrets({ REDIS_URL_FILE: path });
  expect(faults).toEqual([`REDIS_URL_FILE is ${JSON.stringify(path)}; ${fault}`]);
  expect(env).toEqual({});
});

it('refuses a secret that is given twice, and shows neither', () => {
  const { faults } = takeSecrets({ ADMIN_TOKEN: 'hunter22', ADMIN_TOKEN_FILE: file('hunter33') });
  expect(faults).toEqual(['ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set; set one of them']);
});

it('treats an empty variable as unset', () => {
  const path = file('value');
  expect(takeSecrets({ ADMIN_TOKEN: '', ADMIN_TOKEN_FILE: path })).toEqual({
    env: { ADMIN_TOKEN: 'value' },
    faults: [],
  });
  expect(takeSecrets({ ADMIN_TOKEN: 'value', ADMIN_TOKEN_FILE: '' })).toEqual({
    env: { ADMIN_TOKEN: 'value' },
    faults: [],
  });
});
