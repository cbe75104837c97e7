import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { secretSettings } from '#shared/settings/secrets.ts';
import { processesIn } from '../fixtures/command.ts';
import { handlerFile, useScratch, whenReady } from '../fixtures/scratch.ts';
import { fileRedisUrl } from '../fixtures/file-redis.ts';

const scratch = useScratch();
const marker = 'topsecret';
const callbackSecret = `whsec_${Buffer.from(marker.repeat(3)).toString('base64')}`;
const secrets = {
  ADMIN_TOKEN: `${marker}-admin-token`,
  VIEW_TOKEN: `${marker}-view-token`,
  CALLBACK_SECRET: callbackSecret,
  CALLER_SECRET: `${marker}-caller-secret-of-32-characters`,
};

/** @returns the secrets in a text, and the names of settings that lead to them. */
function secretsIn(text: string): string[] {
  return [marker, callbackSecret, 'REDIS_URL=', 'REDIS_URL"', ...secretSettings.slice(2)].filter((each) =>
    text.includes(each),
  );
}

it.each(['environment', 'files'])(
  'a handler and its child processes see no secret given by %s',
  async (how) => {
    const { folder, startReady } = await scratch();
    const redisUrl = fileRedisUrl;
    const given: Record<string, string> = { ...secrets, REDIS_URL: redisUrl, WORKER_REDIS_URL: redisUrl };
    const settings: Record<string, string> = {};
    for (const [name, secret] of Object.entries(given)) {
      const file = join(folder, name);
      await writeFile(file, `${secret}\n`);
      if (how === 'files') settings[`${name}_FILE`] = file;
      else settings[name] = secret;
    }
    const { url, pid } = await startReady({
      ...settings,
      NAMESPACE: `secrets-${how}`,
      HANDLER: handlerFile('environment'),
      REPLICAS: '1',
    });
    const seen = await (await fetch(`${url}/`)).text();
    expect(JSON.parse(seen)).toMatchObject({ own: { REPLICA: 'S1' } });
    expect(secretsIn(seen)).toEqual([]);
    // The settings are in effect: the admin side requires the token.
    expect((await fetch(`${url}/rep`)).status).toBe(401);
    const ask = { headers: { authorization: `Bearer ${secrets.ADMIN_TOKEN}` } };
    expect((await fetch(`${url}/rep`, ask)).status).toBe(200);

    for (const each of await processesIn(folder)) {
      const [environ, command] = await Promise.all(
        ['environ', 'cmdline'].map((part) => readFile(`/proc/${each}/${part}`, 'utf8')),
      );
      expect(secretsIn(command ?? ''), String(each)).toEqual([]);
      // A process's initial environment stays visible to its user; only the gateway was given secrets.
      if (each !== pid || how === 'files') expect(environ).not.toContain(marker);
    }
  },
);

it('a worker started by hand accepts REDIS_URL, and its handler does not see it', async () => {
  const { run, start } = await scratch();
  const settings = { NAMESPACE: 'secrets-by-hand', LOG_LEVEL: 'info', REDIS_URL: fileRedisUrl };
  const command = start({ ...settings, REPLICAS: '1', REPLICA_DRIVER: 'none' });
  const worker = run(process.execPath, [join(import.meta.dirname, '../../worker/main.ts')], {
    ...settings,
    ADMIN_TOKEN: secrets.ADMIN_TOKEN,
    REPLICA: 'S1',
    HANDLER: handlerFile('environment'),
  });
  await worker.line(/"msg":"ready"/);
  const { url } = await whenReady(command);
  expect(secretsIn(await (await fetch(`${url}/`)).text())).toEqual([]);
});
