import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findOrInstallRedis } from '../../gateway/redis/redis-binary.ts';
import { findChromium } from '../fixtures/chromium-binary.ts';
import type { Need } from './projects.ts';

/** @returns why the machine does not have this, or undefined if it does. Installs Redis if it may. */
export function whyMissing(need: Need): Promise<string | undefined> {
  switch (need) {
    case 'redis':
      return whyNoRedis();
    case 'chromium':
      return Promise.resolve(findChromium() === undefined ? 'there is no chromium on PATH' : undefined);
    case 'docker':
      return whyNoDocker();
    case 'swarm':
      return whyNoSwarm();
    default:
      return need satisfies never;
  }
}

async function whyNoRedis(): Promise<string | undefined> {
  try {
    await findOrInstallRedis({
      env: process.env,
      mayInstall: process.env['INSTALL_REDIS'] === 'yes',
      log: (line) => process.stderr.write(`${line}\n`),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    return typeof error.cause === 'string' ? `${error.message} (${error.cause})` : error.message;
  }
}

async function whyNoDocker(): Promise<string | undefined> {
  const docker = spawn('docker', ['info', '--format', '{{.ServerVersion}}'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
  });
  let output = '';
  docker.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(docker, 'close').catch((error: unknown) => {
    output = String(error);
    return [1];
  });
  return code === 0
    ? undefined
    : `no Docker engine answers: ${output.trim().split('\n').at(-1) || 'docker info did not end in 20 s'}`;
}

/** Several engines on one machine need network namespaces, and so root. */
async function whyNoSwarm(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'engines in network namespaces of their own need root on Linux';
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  const missing = ['dockerd', 'containerd', 'ip', 'iptables', 'nsenter', 'unshare', 'redis-server'].filter(
    (program) => !folders.some((folder) => existsSync(join(folder, program))),
  );
  if (missing.length > 0) return `there is no ${missing.join(', no ')}`;
  return whyNoDocker();
}
