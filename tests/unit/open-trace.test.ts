import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SettingsError } from '#shared/settings/settings-error.ts';
import { openTrace } from '#shared/store/trace/open-trace.ts';

it('names the setting if no file can be created in its folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-trace-'));
  const taken = join(folder, 'file');
  writeFileSync(taken, '');
  const open = (): unknown => openTrace(taken, 'gateway', 'g');
  expect(open).toThrow(SettingsError);
  expect(open).toThrow(/PROTOCOL_TRACE is ".*file", where no file can be created: EEXIST/);
  rmSync(folder, { recursive: true });
});
