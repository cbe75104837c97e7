import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfigFile } from '../../gateway/settings/config-file.ts';
import { joinSettings } from '../../gateway/settings/setting-sources.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringpost-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, content: string): Promise<void> => writeFile(join(folder, name), content);
const settingsOf = async (given?: string) => (await readConfigFile(folder, given))?.settings;

describe('a config file', () => {
  it.each([
    ['ringpost.config.ts', "export default { PORT: 5001 as number, HANDLER: './handler.ts' };"],
    ['ringpost.config.mjs', "export default { PORT: 5001, HANDLER: './handler.ts' };"],
    ['ringpost.config.js', "module.exports = { PORT: 5001, HANDLER: './handler.ts' };"],
    ['ringpost.config.json', '{ "PORT": 5001, "HANDLER": "./handler.ts" }'],
  ])('%s in the working directory is read', async (name, content) => {
    await write(name, content);
    expect(await settingsOf()).toEqual({ PORT: '5001', HANDLER: './handler.ts' });
  });

  it('may be absent, and may have another name with --config', async () => {
    expect(await readConfigFile(folder)).toBeUndefined();
    await write('other.json', '{ "REPLICAS": 2, "LOG_LEVEL": null }');
    expect(await settingsOf('other.json')).toEqual({ REPLICAS: '2' });
  });

  it('holds a secret, or the path of its file', async () => {
    await write('token', 'a-token-of-16-characters\n');
    await write('ringpost.config.json', JSON.stringify({ ADMIN_TOKEN_FILE: join(folder, 'token') }));
    expect(await settingsOf()).toEqual({ ADMIN_TOKEN: 'a-token-of-16-characters' });
  });

  it.each([
    ['{ "HANDLR": "x" }', 'ringpost.config.json: HANDLR is not a setting; did you mean HANDLER?'],
    ['{ "port": 5000 }', 'ringpost.config.json: port is not a setting; did you mean PORT?'],
    ['{ "colour": 1 }', 'colour is not a setting; `ringpost settings` lists all of them'],
    ['{ "PORT": [5000] }', 'ringpost.config.json: PORT is an array; it must be a string or a number'],
    ['{ "PORT": true }', 'PORT is a boolean; it must be a string or a number'],
    ['[]', 'ringpost.config.json must hold an object of settings'],
    ['{ "ADMIN_TOKEN": "hidden-4711", }', 'ringpost.config.json cannot be read: it is not valid JSON'],
  ])('with %s is refused: %s', async (content, words) => {
    await write('ringpost.config.json', content);
    await expect(readConfigFile(folder)).rejects.toThrow(words);
    await expect(readConfigFile(folder)).rejects.not.toThrow('hidden-4711');
  });

  it.each([
    ['throw new Error("no database");', 'ringpost.config.mjs cannot be loaded: Error: no database'],
    ['export const PORT = 5000;', 'ringpost.config.mjs has no default export'],
  ])('as a module %s is refused: %s', async (content, words) => {
    await write('ringpost.config.mjs', content);
    await expect(readConfigFile(folder)).rejects.toThrow(words);
  });

  it('is refused if there are two, or if the named one is missing', async () => {
    await expect(readConfigFile(folder, 'gone.json')).rejects.toThrow('"gone.json"; there is no such file');
    await write('ringpost.config.json', '{}');
    await write('ringpost.config.mjs', 'export default {};');
    await expect(readConfigFile(folder)).rejects.toThrow(
      'ringpost.config.mjs and ringpost.config.json are both here',
    );
  });
});

describe('settings of several sources', () => {
  it('come from the highest source that has them', () => {
    const file = { PORT: '1', REPLICAS: '1', LOG_LEVEL: 'info' };
    const environment = { PORT: '2', REPLICAS: '2' };
    expect(joinSettings(file, environment, { PORT: '3' })).toEqual({
      PORT: '3',
      REPLICAS: '2',
      LOG_LEVEL: 'info',
    });
  });

  it('that are empty count as unset', () => {
    expect(joinSettings({ PORT: '1' }, { PORT: '', HOST: undefined })).toEqual({ PORT: '1' });
  });

  it('that belong to a program go with it', () => {
    const file = { COMMAND: 'c', COMMAND_READY: '/ready' };
    expect(joinSettings(file, { HANDLER: './a.ts' })).toEqual({ HANDLER: './a.ts' });
    expect(joinSettings(file, { COMMAND_READY: '/other' })).toEqual({
      COMMAND: 'c',
      COMMAND_READY: '/other',
    });
  });

  it('that exclude each other are replaced by those of a higher source', () => {
    const file = { HANDLER: './a.ts', PORT: '1' };
    expect(joinSettings(file, { UPSTREAM: 'http://b' })).toEqual({ UPSTREAM: 'http://b', PORT: '1' });
    expect(joinSettings(file, { UPSTREAM: 'http://b' }, { COMMAND: 'c' })).toEqual({
      COMMAND: 'c',
      PORT: '1',
    });
    const both = { HANDLER: './a.ts', UPSTREAM: 'http://b' };
    expect(joinSettings(both)).toEqual(both);
  });
});
