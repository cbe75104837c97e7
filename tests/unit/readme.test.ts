import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readmeFile, withSettings } from '../../docs/settings.ts';

it('lists in the README the settings that the schemas have (npm run docs writes them)', () => {
  const readme = readFileSync(readmeFile, 'utf8');
  expect(readme).toBe(withSettings(readme));
});
