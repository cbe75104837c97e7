import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { devSystem, writeProject } from '../fixtures/dev-system.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { startVersionLoad, versionHandler } from '../fixtures/version-load.ts';

const scratch = useScratch();

/** How many times the handler is edited. `DEV_EDITS=100` takes some two minutes. */
const edits = Number(process.env['DEV_EDITS'] ?? 16);

it(
  'edits of a handler under load fail no request, and each replica moves from version to version',
  { timeout: 60_000 + edits * 20_000 },
  async () => {
    const project = await scratch();
    const settings = { NODE_COMPILE_CACHE: join(project.folder, 'compiled') };
    const { url, lines, command } = await devSystem(project, { 'handler.ts': versionHandler(1) }, settings);
    const load = startVersionLoad(url, 6);
    /** When each version was written, and when it was the only one. */
    const writtenAt = new Map([[1, 0]]);
    const aloneSince: [version: number, at: number][] = [];
    const tookMs: number[] = [];
    let reloads = 0;
    let rejected = 0;
    for (let version = 2; version <= edits + 1; version += 1) {
      if (version % 5 === 0) {
        // This version is never served.
        await writeProject(project.folder, { 'handler.ts': `throw new Error('version ${version}');\n` });
        rejected += 1;
        await lines(/^handler.ts is not reloaded/, rejected);
        continue;
      }
      writtenAt.set(version, performance.now());
      await writeProject(project.folder, { 'handler.ts': versionHandler(version) });
      await lines(/; reloading$/, version - 1 - rejected);
      // Every fourth edit comes while the version before is still being rolled out.
      if (version % 4 === 0 && version <= edits) continue;
      reloads += 1;
      // If the version before was rolled out in time, there is a line of its own for that.
      const isLast = (): boolean =>
        command.stdout().lastIndexOf('is reloaded') > command.stdout().lastIndexOf('; reloading');
      await expect.poll(isLast, { timeout: 30_000, interval: 10 }).toBe(true);
      const at = performance.now();
      aloneSince.push([version, at]);
      tookMs.push(at - (writtenAt.get(version) ?? at));
    }
    await load.stop();
    const { answers } = load;

    const failed = answers.filter(({ status, version }) => status !== 200 || Number.isNaN(version));
    expect(failed).toEqual([]);
    const untimely = answers.filter(({ version, sentAt, answeredAt }) => {
      const isFuture = answeredAt < (writtenAt.get(version) ?? Infinity);
      const isPast = aloneSince.some(([newer, since]) => newer > version && since < sentAt);
      return isFuture || isPast;
    });
    expect(untimely).toEqual([]);
    const backwards = answers.filter(({ key, version }, at) => {
      const before = answers.slice(Math.max(0, at - 100), at).findLast((each) => each.key === key);
      return before !== undefined && before.version > version;
    });
    expect(backwards).toEqual([]);
    const served = new Set(answers.map(({ version }) => version));
    expect(served.size).toBeGreaterThan(reloads / 2);
    expect(command.stderr().match(/\[ERROR\]/g) ?? []).toHaveLength(rejected);
    // They have few names, so that Node's cache of compiled code does not grow either.
    const bundles = await readdir(join(project.folder, '.ringpost', 'dev', '1'));
    expect(bundles.length).toBeLessThanOrEqual(6);
    const sorted = tookMs.toSorted((one, other) => one - other);
    console.log(
      `${edits} edits, ${rejected} of them broken, ${reloads} complete reloads, ${answers.length} answers, ` +
        `${served.size} versions served; from edit to reloaded: ` +
        `${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} ms in the median, ` +
        `${Math.round(sorted.at(-1) ?? 0)} ms at most`,
    );
  },
);
