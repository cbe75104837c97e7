import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { settingsFile, withSettings } from '../../docs/settings.ts';

it('lists in docs/settings.md the settings that the schemas have (npm run docs writes them)', () => {
  const document = readFileSync(settingsFile, 'utf8');
  expect(document).toBe(withSettings(document));
});
