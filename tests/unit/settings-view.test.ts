import { expect, it } from 'vitest';
import type { SettingView } from '#shared/contract/api/system.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { sourcesOf } from '../../gateway/settings/setting-sources.ts';

function shown(env: NodeJS.ProcessEnv, sources?: ReadonlyMap<string, string>): Map<string, SettingView> {
  return new Map(loadGatewayConfig(env, sources).settings.map((each) => [each.name, each]));
}

it('shows each setting with its value, its source and its default', () => {
  const settings = shown({ REPLICAS: '2', PORT: '' });
  expect(settings.get('REPLICAS')).toMatchObject({ value: '2', source: 'environment', default: null });
  expect(settings.get('PORT')).toMatchObject({ value: '5000', source: 'default', default: '5000' });
  expect(settings.get('HANDLER')).toMatchObject({ value: null, secret: false, source: 'default' });
  expect(settings.get('PORT')?.help).toBe('Port to listen on; 0 picks a free one.');
});

it('shows no secret, and no argument of a program', () => {
  const secrets = {
    REDIS_URL: 'redis://user:hunter22@h:1',
    ADMIN_TOKEN: 'hunter22hunter22',
    CALLER_SECRET: 'hunter22hunter22',
  };
  const settings = shown({ ...secrets, UPSTREAM: 'http://a:3000' });
  expect(JSON.stringify([...settings.values()])).not.toContain('hunter22');
  for (const name of Object.keys(secrets))
    expect(settings.get(name)).toMatchObject({ value: null, secret: true, source: 'environment' });
  expect(settings.get('VIEW_TOKEN')).toMatchObject({ value: null, secret: false, source: 'default' });
  expect(settings.get('UPSTREAM')?.value).toBe('http://a:3000');
  const command = shown({ COMMAND: 'python3 app.py --password hunter22' }).get('COMMAND');
  expect(command?.value).toBe('python3 …');
});

it('names the source whose value is in force', () => {
  const sources = sourcesOf([
    ['file ringpost.config.ts', { PORT: '1', RING: 'assignment', HANDLER: './a.ts' }],
    ['environment', { PORT: '2', LEASE_MS: '' }],
    ['command line', { UPSTREAM: 'http://a' }],
  ]);
  expect(Object.fromEntries(sources)).toEqual({
    PORT: 'environment',
    RING: 'file ringpost.config.ts',
    UPSTREAM: 'command line',
  });
  const settings = shown({ PORT: '2', RING: 'assignment' }, sources);
  expect(settings.get('RING')?.source).toBe('file ringpost.config.ts');
});
