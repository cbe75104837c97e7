import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { withRedisUsers } from '../../docs/redis-users.ts';
import { settingsFile, withSettings } from '../../docs/settings.ts';

it('lists in docs/settings.md the settings that the schemas have (npm run docs writes them)', () => {
  const document = readFileSync(settingsFile, 'utf8');
  expect(document).toBe(withSettings(document));
});

it('lists in docs/security.md the users of Redis that the code has (npm run docs writes them)', () => {
  const document = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  expect(document).toBe(withRedisUsers(document));
});
