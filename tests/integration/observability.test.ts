import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { spawnTethered } from '#shared/process/tethered.ts';
import { projectFolder } from '../fixtures/command.ts';
import { composeCommands } from '../fixtures/compose-commands.ts';
import { alertQueries, asSent, dashboardQueries, observability } from '../fixtures/dashboard.ts';
import { freePort } from '../fixtures/free-port.ts';
import { prometheus, promtool } from '../fixtures/programs.ts';
import { ask } from '../fixtures/raw-http.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();
const run = promisify(execFile);
const queries = [...dashboardQueries(), ...alertQueries()];
const { present } = await composeCommands();

it('each metric that the dashboard and the alert rules name is on /-/metrics', async () => {
  const { url } = await system().start({ REPLICAS: '1' });
  const { body } = await ask(url, { target: '/-/metrics' });
  const names = new Set(Array.from(body.toString().matchAll(/^# TYPE (\w+) /gm), ([, name]) => name));
  const named = queries.flatMap((query) => query.match(/\bringpost_\w+/g) ?? []);
  expect(named.length).toBeGreaterThan(50);
  const unknown = named.filter(
    (name) => !names.has(name) && !names.has(name.replace(/_(?:bucket|sum|count)$/, '')),
  );
  expect(unknown).toEqual([]);
});

it.skipIf(promtool === undefined)('promtool accepts the alert rules and the config', async () => {
  const check = async (what: string, file: string): Promise<string> =>
    (await run(promtool ?? '', ['check', what, join(observability, file)])).stdout;
  expect(await check('rules', 'alerts.yml')).toContain(`SUCCESS: ${alertQueries().length} rules found`);
  expect(await check('config', 'prometheus.yml')).toContain('SUCCESS');
});

it.each(present)('$name accepts the profile with Prometheus and Grafana', async ({ words }) => {
  const [command, ...first] = words;
  const words2 = [...first, '--profile', 'observe', 'config', '--services'];
  const { stdout } = await run(command, words2, { cwd: projectFolder });
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(['ringpost-prometheus', 'ringpost-grafana']));
});

it.skipIf(prometheus === undefined)(
  'Prometheus scrapes a system, and answers each query of the dashboard and the rules',
  { timeout: 120_000 },
  async () => {
    const { url } = await system().start({ REPLICAS: '2' });
    for (let at = 0; at < 10; at += 1)
      await ask(url, { target: '/home', headers: ['Ringpost-Key', `key-${at}`] });
    const { folder } = await scratch();
    const config = await readFile(join(observability, 'prometheus.yml'), 'utf8');
    const target = `static_configs: [{ targets: ['${new URL(url).host}'] }]`;
    const scraped = config
      .replace(/dns_sd_configs:[^]*/, `${target}\n`)
      .replace('scrape_interval: 5s', 'scrape_interval: 1s');
    expect(scraped).toContain(target);
    await writeFile(join(folder, 'prometheus.yml'), scraped);
    await cp(join(observability, 'alerts.yml'), join(folder, 'alerts.yml'));
    const address = `127.0.0.1:${await freePort()}`;
    const server = spawnTethered(
      prometheus ?? '',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
        '--log.level=error',
      ],
      { env: process.env, onParentDeath: 'SIGKILL' },
    );
    onTestFinished(async () => {
      await server.stop({ graceMs: 10_000 });
    });
    const query = async (text: string): Promise<{ status: string; data: { result: readonly unknown[] } }> => {
      const answer = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(text)}`);
      // As Prometheus documents it.
      return (await answer.json()) as { status: string; data: { result: readonly unknown[] } };
    };
    const results = async (text: string): Promise<number> =>
      (await query(text).catch(() => undefined))?.data.result.length ?? 0;
    await expect.poll(() => results('ringpost_queue_depth'), { timeout: 60_000 }).toBe(2 * 5);
    expect(await results('up == 1')).toBe(1);
    for (const each of queries)
      expect({ each, status: (await query(asSent(each))).status }).toEqual({ each, status: 'success' });
    // Those of the dashboard's panels that need no second scrape have something to show.
    for (const each of dashboardQueries().filter((text) => !/rate\(|increase\(/.test(text)))
      expect({ each, found: (await results(asSent(each))) > 0 }).toEqual({ each, found: true });
    const rules = await fetch(`http://${address}/api/v1/rules`);
    expect(await rules.text()).toContain('RingpostReplicaLost');
  },
);
