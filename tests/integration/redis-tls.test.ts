import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { checkRedis } from '#shared/store/redis/check-redis.ts';
import { localhostCertificate, otherCertificate } from '../fixtures/certificates.ts';
import { ServerFolder } from '../fixtures/redis-servers.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

async function files(): Promise<{ folder: string; cert: string; key: string; other: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-tls-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [cert, key, other] = ['cert', 'key', 'other'].map((name) => join(folder, `${name}.pem`));
  await writeFile(cert ?? '', localhostCertificate.cert);
  await writeFile(key ?? '', localhostCertificate.key);
  await writeFile(other ?? '', otherCertificate.cert);
  return { folder, cert: cert ?? '', key: key ?? '', other: other ?? '' };
}

it('requests are served over a unix socket, and over TLS with a client certificate', async () => {
  const { folder, cert, key, other } = await files();
  const servers = await ServerFolder.create(inject('redisBinary'));
  onTestFinished(() => servers.stop());
  const tlsPort = await servers.port();
  await servers.start([
    'maxmemory-policy noeviction',
    `unixsocket ${folder}/redis.sock`,
    `tls-port ${tlsPort}`,
    `tls-cert-file ${cert}`,
    `tls-key-file ${key}`,
    `tls-ca-cert-file ${cert}`,
    'tls-auth-clients yes',
  ]);
  const tls = `rediss://127.0.0.1:${tlsPort}?ca=${cert}&cert=${cert}&key=${key}`;
  for (const url of [`redis+unix://${folder}/redis.sock`, tls]) {
    const running = await system().start({ REDIS_URL: url, REPLICAS: '1' });
    expect((await fetch(`${running.url}/home`)).status).toBe(200);
    await running.stop();
  }
  await expect(checkRedis(`rediss://127.0.0.1:${tlsPort}?ca=${other}`)).rejects.toThrow(/certificate/i);
  await expect(checkRedis(tls.replace(cert, `${folder}/none.pem`))).rejects.toThrow(
    /the file .*none\.pem" for TLS cannot be read \(ENOENT\)/,
  );
  await expect(checkRedis(`redis+unix://${folder}/none.sock`)).rejects.toThrow(
    /none\.sock cannot be used: .*ENOENT/,
  );
});
