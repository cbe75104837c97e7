import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKeys } from '#shared/store/keys/keys.ts';
import { isReplicaName } from '#shared/contract/replica-name.ts';
import { isReservedName, nameFault } from '#shared/contract/reserved-names.ts';

const compose = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');

describe('isReservedName', () => {
  it('includes every hash tag and every fixed key that belongs to no replica', () => {
    const keys = createKeys('ns');
    const fixed = Object.values(keys).filter((key) => typeof key === 'string');
    const made = [keys.wake('g'), keys.idempotency('s'), keys.line('o'), keys.requestChanges('r')];
    const parts = [...fixed, keys.deadLetter('r'), ...made]
      .filter((key) => key !== keys.prefix)
      .map((key) => /^(?:ns:)?\{(\+?[a-z-]+)\}/.exec(key)?.[1] ?? key.split(':')[1] ?? '');
    expect(new Set(parts).size).toBeGreaterThan(5);
    // The name of a replica cannot begin with a plus.
    for (const part of parts) expect(isReservedName(part) || !isReplicaName(part), part).toBe(true);
  });

  it('includes every service in the compose file', () => {
    const services = /^services:\n(.*?)^\S/ms.exec(compose)?.[1] ?? '';
    const names = Array.from(services.matchAll(/^ {2}([\w-]+):/gm), ([, name = '']) => name);
    expect(names).toContain('gateway-5000');
    for (const name of names) expect(isReservedName(name), name).toBe(true);
  });

  it.each([
    'Ring',
    'REDIS',
    'Redis.',
    'redis-1',
    'ringpost_redis_1',
    'RingPost',
    'gateway-5000',
    'LocalHost',
  ])('includes a name in any case, and names with its suffixes: %s', (name) =>
    expect(isReservedName(name)).toBe(true),
  );

  it.each(['S1', 'S123456', 'ringer', 'rediscover', 'gateways', 'worker-1', 'replica-7', 'my-redis', 'api'])(
    'excludes all other names: %s',
    (name) => {
      expect(isReservedName(name)).toBe(false);
      expect(nameFault(name, true)).toBeUndefined();
    },
  );

  it('excludes all names that the gateway makes, in sequence or at random', () => {
    for (let at = 1; at <= 10_000; at += 1) expect(isReservedName(`S${at}`)).toBe(false);
    for (let at = 100_000; at < 1_000_000; at += 1)
      if (isReservedName(`S${at}`)) expect.unreachable(`S${at}`);
  });
});

describe('nameFault', () => {
  it.each([
    ['ring', /reserved/],
    ['a', /too short/],
    ['127.0.0.1', /address/],
  ])('says why no new replica may be called %s', (name, fault) => {
    // A replica of an older version may have such a name, so it is not garbled.
    expect(isReplicaName(name)).toBe(true);
    expect(nameFault(name, true)).toMatch(fault);
  });
});
