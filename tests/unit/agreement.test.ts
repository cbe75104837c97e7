import { expect, it } from 'vitest';
import { agreedSettings, differing } from '../../gateway/ring/agreement.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';

const settings = (env: NodeJS.ProcessEnv): ReadonlyMap<string, string> =>
  agreedSettings(loadGatewayConfig(env));
const differ = (one: NodeJS.ProcessEnv, other: NodeJS.ProcessEnv): string[] =>
  differing(settings(one), settings(other));

it.each<[string, NodeJS.ProcessEnv, NodeJS.ProcessEnv, readonly string[]]>([
  ['the same settings', {}, {}, []],
  [
    'a default that is left out or written',
    {},
    { HASH_KEY: 'header:ringpost-key,random', IDEMPOTENCY_SCOPE: 'shared' },
    [],
  ],
  [
    'a header name in another case and other spaces',
    { HASH_KEY: ' header:X-Key , path' },
    { HASH_KEY: 'header:x-key,path' },
    [],
  ],
  ['a cookie name in another case', { HASH_KEY: 'cookie:A' }, { HASH_KEY: 'cookie:a' }, ['HASH_KEY']],
  ['sources in another order', { HASH_KEY: 'path,ip' }, { HASH_KEY: 'ip,path' }, ['HASH_KEY']],
  ['another CALLER_KEY', { CALLER_KEY: 'header:a' }, { CALLER_KEY: 'header:A,ip' }, ['CALLER_KEY']],
  ['another IDEMPOTENCY_SCOPE', {}, { IDEMPOTENCY_SCOPE: 'caller' }, ['IDEMPOTENCY_SCOPE']],
  ['a secret on one side only', {}, { CALLER_SECRET: 'x'.repeat(16) }, ['CALLER_SECRET']],
  ['another secret', { CALLER_SECRET: 'x'.repeat(16) }, { CALLER_SECRET: 'y'.repeat(16) }, ['CALLER_SECRET']],
  ['the same secret', { CALLER_SECRET: 'x'.repeat(16) }, { CALLER_SECRET: 'x'.repeat(16) }, []],
  ['settings that need not agree', { PORT: '1', REPLY_TIMEOUT_MS: '1000' }, { REPLICAS: '9' }, []],
])('names the settings that differ between two gateways with %s', (_, one, other, names) => {
  expect(differ(one, other)).toEqual(names);
  expect(differ(other, one)).toEqual(names);
});

it('the check value of a secret does not show the secret and differs between namespaces', () => {
  const secret = 'a secret of callers';
  const [one, other] = ['one', 'other'].map((NAMESPACE) =>
    settings({ CALLER_SECRET: secret, NAMESPACE }).get('CALLER_SECRET'),
  );
  expect(one).toMatch(/^[\w-]{43}$/);
  expect(one).not.toBe(other);
});

it('a setting that only one of two releases knows does not count as a difference', () => {
  const ours = settings({});
  expect(differing(ours, new Map([...ours, ['NEWER', 'x']]))).toEqual([]);
  expect(differing(ours, new Map([['HASH_KEY', ours.get('HASH_KEY') ?? '']]))).toEqual([]);
});
