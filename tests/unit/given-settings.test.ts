import { expect, it } from 'vitest';
import { asEnvironment, withoutSettings } from '#shared/settings/given-settings.ts';
import { gatewaySettings } from '../../gateway/settings/settings.ts';

it('writes given settings as environment variables, numbers as digits', () => {
  const given = { PORT: 0, NAMESPACE: 'a', HANDLER: undefined };
  expect(asEnvironment(gatewaySettings, given)).toEqual({ PORT: '0', NAMESPACE: 'a' });
});

it('refuses names that are no settings, and suggests the one that was meant', () => {
  const given = { HANDLR: 'a.ts', CONCURENCY: 1, constructor: 'x', REPLICAS: true };
  expect(() => asEnvironment(gatewaySettings, given)).toThrow(
    'The settings cannot be used:\n' +
      '  HANDLR is not a setting; did you mean HANDLER?\n' +
      '  CONCURENCY is not a setting; did you mean CONCURRENCY?\n' +
      '  constructor is not a setting\n' +
      '  REPLICAS is a boolean; it must be a string or a number',
  );
});

it('leaves settings and the files of secrets out of an environment', () => {
  const env = { PATH: '/bin', PORT: '1', REDIS_URL: 'redis://a', REDIS_URL_FILE: '/f', HOME: '/root' };
  expect(withoutSettings(env, gatewaySettings)).toEqual({ PATH: '/bin', HOME: '/root' });
});
