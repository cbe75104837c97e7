import { expect, it } from 'vitest';
import { agreedSettings, differing } from '../../gateway/ring/agreement.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';

const settings = (env: NodeJS.ProcessEnv): ReadonlyMap<string, string> =>
  agreedSettings(loadGatewayConfig(env));
const differ = (one: NodeJS.ProcessEnv, other: NodeJS.ProcessEnv): string[] =>
  differing(settings(one), settings(other));

it.each<[string, NodeJS.ProcessEnv, NodeJS.ProcessEnv, readonly string[]]>([
  ['the same', {}, {}, []],
  ['defaults in words', {}, { HASH_KEY: 'header:ringpost-key,random', IDEMPOTENCY_SCOPE: 'shared' }, []],
  ['other case and spaces', { HASH_KEY: ' header:X-Key , path' }, { HASH_KEY: 'header:x-key,path' }, []],
  ['another case of a cookie', { HASH_KEY: 'cookie:A' }, { HASH_KEY: 'cookie:a' }, ['HASH_KEY']],
  ['another order', { HASH_KEY: 'path,ip' }, { HASH_KEY: 'ip,path' }, ['HASH_KEY']],
  ['another caller', { CALLER_KEY: 'header:a' }, { CALLER_KEY: 'header:A,ip' }, ['CALLER_KEY']],
  ['another scope', {}, { IDEMPOTENCY_SCOPE: 'caller' }, ['IDEMPOTENCY_SCOPE']],
  ['a secret and none', {}, { CALLER_SECRET: 'x'.repeat(16) }, ['CALLER_SECRET']],
  ['another secret', { CALLER_SECRET: 'x'.repeat(16) }, { CALLER_SECRET: 'y'.repeat(16) }, ['CALLER_SECRET']],
  ['the same secret', { CALLER_SECRET: 'x'.repeat(16) }, { CALLER_SECRET: 'x'.repeat(16) }, []],
  ['what does not matter', { PORT: '1', REPLY_TIMEOUT_MS: '1000' }, { REPLICAS: '9' }, []],
])('of two gateways with %s, these settings differ', (_, one, other, names) => {
  expect(differ(one, other)).toEqual(names);
  expect(differ(other, one)).toEqual(names);
});

it('the check value of a secret is not the secret, and differs between namespaces', () => {
  const secret = 'a secret of callers';
  const [one, other] = ['one', 'other'].map((NAMESPACE) =>
    settings({ CALLER_SECRET: secret, NAMESPACE }).get('CALLER_SECRET'),
  );
  expect(one).toMatch(/^[\w-]{43}$/);
  expect(one).not.toBe(other);
});

it('a setting that only one of two releases knows is no difference', () => {
  const ours = settings({});
  expect(differing(ours, new Map([...ours, ['NEWER', 'x']]))).toEqual([]);
  expect(differing(ours, new Map([['HASH_KEY', ours.get('HASH_KEY') ?? '']]))).toEqual([]);
});
