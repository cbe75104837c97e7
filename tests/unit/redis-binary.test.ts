import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findOrInstallRedis, findRedis, installRedis } from '../../gateway/redis/redis-binary.ts';

let bin: string;
let ran: string[];
let lines: string[];

beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), 'ringpost-bin-'));
  ran = [];
  lines = [];
});
afterEach(() => rm(bin, { recursive: true }));

async function addExecutables(...names: string[]) {
  for (const name of names) {
    await writeFile(join(bin, name), '#!/bin/sh\n');
    await chmod(join(bin, name), 0o755);
  }
}

/** A machine on which installing adds a redis-server, unless the command fails. */
const machine = (uid: number, failing: RegExp = /^$/, mayInstall = true) => ({
  env: { PATH: bin },
  mayInstall,
  uid,
  log: (line: string) => void lines.push(line),
  run: async (command: string, args: readonly string[]) => {
    const line = [command, ...args].join(' ');
    ran.push(line);
    if (failing.test(line)) return { code: 100, output: 'E: one\nE: two\n' };
    if (line.includes('install')) await addExecutables('redis-server');
    return { code: 0, output: '' };
  },
});

const VARIABLES = 'DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 SYSTEMD_OFFLINE=1';
const APT_GET = `${VARIABLES} apt-get -o DPkg::Lock::Timeout=120`;

test('valkey-server is preferred to redis-server, and a file that is not executable is ignored', async () => {
  await writeFile(join(bin, 'valkey-server'), '', { mode: 0o644 });
  await addExecutables('redis-server');
  expect(await findRedis({ path: `/no/such:${bin}` })).toBe(join(bin, 'redis-server'));
  await addExecutables('valkey-server');
  expect(await findRedis({ path: bin })).toBe(join(bin, 'valkey-server'));
  expect(await findRedis({ path: undefined })).toBeUndefined();
});

test('nothing is installed if a Redis is found', async () => {
  await addExecutables('redis-server', 'apt-get', 'brew');
  expect(await findOrInstallRedis(machine(0))).toBe(join(bin, 'redis-server'));
  expect([ran, lines]).toEqual([[], []]);
});

test('root installs with apt-get, logs that first, and disables the system service', async () => {
  await addExecutables('apt-get', 'sudo', 'brew');
  expect(await findOrInstallRedis(machine(0, /^$/, false))).toBe(join(bin, 'redis-server'));
  expect(ran).toEqual([
    `env ${APT_GET} update`,
    `env ${APT_GET} install -y --no-install-recommends redis-server`,
    `env ${VARIABLES} systemctl disable redis-server`,
  ]);
  expect(lines).toEqual([expect.stringContaining('installing redis-server with apt-get')]);
});

test('another user installs with a passwordless sudo, even if the update fails', async () => {
  await addExecutables('apt-get', 'sudo');
  await installRedis(machine(1000, /update$/));
  expect(ran[0]).toBe('sudo -n true');
  expect(ran[2]).toBe(`sudo -n env ${APT_GET} install -y --no-install-recommends redis-server`);
});

test('brew is used if apt-get is not available', async () => {
  await addExecutables('apt-get', 'sudo', 'brew');
  await installRedis(machine(1000, /^sudo/));
  expect(ran).toEqual(['sudo -n true', 'brew install redis']);
});

test('neither sudo nor brew is run without INSTALL_REDIS=yes', async () => {
  await addExecutables('apt-get', 'sudo', 'brew');
  await expect(installRedis(machine(1000, /^$/, false))).rejects.toMatchObject({
    message: expect.stringContaining('set INSTALL_REDIS=yes'),
    cause: 'no apt-get as root, and INSTALL_REDIS is not yes',
  });
  expect([ran, lines]).toEqual([[], []]);
});

test.each([
  ['there is no package manager', [], /^$/, 'no apt-get as root'],
  ['sudo asks for a password', ['apt-get', 'sudo'], /^sudo/, 'no apt-get as root'],
  ['apt-get fails', ['apt-get', 'sudo'], /install/, 'apt-get ended with 100: E: one / E: two'],
])('one sentence says what to do if %s', async (_, commands, failing, cause) => {
  await addExecutables(...commands);
  await expect(installRedis(machine(1000, failing))).rejects.toMatchObject({
    message:
      'Redis 7 or newer is needed: set REDIS_URL, install redis-server ' +
      '(Debian/Ubuntu: sudo apt-get install redis-server; macOS: brew install redis), ' +
      'or set INSTALL_REDIS=yes to have that done.',
    cause: expect.stringContaining(cause),
  });
});
