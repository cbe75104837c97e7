import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { withRedisUsers } from '../../docs/redis-users.ts';
import { settingsFile, withSettings } from '../../docs/settings.ts';

it('docs/settings.md lists the settings in the schemas (npm run docs writes them)', () => {
  const document = readFileSync(settingsFile, 'utf8');
  expect(document).toBe(withSettings(document));
});

it('docs/security.md lists the Redis users in the code (npm run docs writes them)', () => {
  const document = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  expect(document).toBe(withRedisUsers(document));
});
