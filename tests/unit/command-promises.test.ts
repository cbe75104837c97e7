import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Command } from 'ioredis';
import { expect, test } from 'vitest';
import { patchCommandPromises } from '#shared/v8/command-promises.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;

/** @returns the bytes in the old generation. */
function oldBytes(): number {
  const old = getHeapSpaceStatistics().filter(({ space_name: name }) => name.startsWith('old'));
  return old.reduce((sum, { space_used_size: size }) => sum + size, 0);
}

/** Settles commands one after the other; each keeps about two KiB of other objects alive. */
async function settle(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const kept = Array.from({ length: 20 }, (_, i) => ({ i }));
    const command = Object.assign(new Command('evalsha', ['sha', String(at)]), { kept });
    command.resolve('done');
    await command.promise;
  }
}

/** @returns the bytes per settled command that were promoted to the old generation. */
async function promotedPerCommand(count: number): Promise<number> {
  await settle(count);
  collect();
  const before = oldBytes();
  await settle(count);
  for (let times = 0; times < 3; times += 1) collect({ type: 'minor' });
  return (oldBytes() - before) / count;
}

test('a settled command is not kept in memory', async () => {
  patchCommandPromises();
  expect(await promotedPerCommand(2000)).toBeLessThan(200);
});

test('a command is settled as ioredis would settle it', async () => {
  patchCommandPromises();
  const good = new Command('evalsha', ['sha', 1, Buffer.from([1])], { replyEncoding: 'utf8' });
  expect(good.args).toEqual(['sha', '1', Buffer.from([1])]);
  good.resolve(Buffer.from('ä'));
  await expect(good.promise).resolves.toBe('ä');
  expect([good.isResolved, good.isSettled]).toEqual([true, true]);

  const bad = new Command('blmpop', ['0']);
  bad.reject(new Error('refused'));
  await expect(bad.promise).rejects.toThrow('refused');
  expect([bad.isResolved, bad.isSettled]).toEqual([false, true]);

  const other = new Command('set', ['key', 1]);
  other.resolve(Buffer.from('OK'));
  await expect(other.promise).resolves.toEqual(Buffer.from('OK'));
});
