/**
 * `npm run bench:dashboard`: when the dashboard shows something, and what an open page costs the browser and
 * the gateway with 64 replicas and 1,000 requests per second. It needs redis-server and chromium.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { findChromium } from '../../fixtures/chromium-binary.ts';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { processorTime, withDescendants } from '../measure/cpu.ts';
import { median, short } from '../numbers.ts';
import { startRedis } from '../servers/redis.ts';
import { startSteadyLoad } from './steady-load.ts';

const gatewayMain = fileURLToPath(new URL('../../../gateway/main.ts', import.meta.url));
const hostedWorkers = fileURLToPath(new URL('hosted-workers.ts', import.meta.url));
const replicas = 64;
const hosts = 4;
const requestsPerS = 1000;
const paints = 7;
const rounds = 5;
const settleMs = 3000;
const measureMs = 8000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns the time in ms from the start of the navigation to the first thing shown. */
async function firstPaint(page: Page, url: string): Promise<number> {
  await page.goto(url);
  return page.evaluate<number>(
    `new Promise((resolve) => {
      new PerformanceObserver((list) => {
        for (const { name, startTime } of list.getEntries())
          if (name === 'first-contentful-paint') resolve(startTime);
      }).observe({ type: 'paint', buffered: true });
    })`,
  );
}

async function measurePaints(browser: Browser, url: string): Promise<void> {
  const times = { text: [], newTab: [], cold: [], warm: [] } as Record<string, number[]>;
  const note = async (kind: string, page: Page, path: string): Promise<void> =>
    void times[kind]?.push(await firstPaint(page, `${url}${path}`));
  for (let round = 0; round < paints; round += 1) {
    const context = await browser.newContext();
    const tab = await context.newPage();
    await note('text', tab, '/-/live');
    await note('cold', tab, '/-/');
    await firstPaint(tab, `${url}/-/live`);
    await note('warm', tab, '/-/');
    await context.close();
    const other = await browser.newContext();
    await note('newTab', await other.newPage(), '/-/');
    await other.close();
  }
  const told = (kind: string): string => `${short(median(times[kind] ?? []))} ms`;
  say(`first paint, medians of ${paints}:`);
  say(`  in an open tab: ${told('cold')}, with kept files ${told('warm')}`);
  say(`  in a new tab: ${told('newTab')}; of a page of plain text: ${told('text')}`);
}

async function timeOf(root: number): Promise<number> {
  const times = await Promise.all((await withDescendants(root)).map(processorTime));
  return times.reduce((sum, time) => sum + time, 0);
}

/** @returns the processor time of the browser and of the gateway, as shares of a core. */
async function shares(browserPid: number, gatewayPid: number): Promise<{ browser: number; gateway: number }> {
  const read = async () => [performance.now(), await timeOf(browserPid), await processorTime(gatewayPid)];
  const [fromMs = 0, browserFrom = 0, gatewayFrom = 0] = await read();
  await delay(measureMs);
  const [toMs = 0, browserTo = 0, gatewayTo = 0] = await read();
  const lengthUs = (toMs - fromMs) * 1000;
  return { browser: (browserTo - browserFrom) / lengthUs, gateway: (gatewayTo - gatewayFrom) / lengthUs };
}

const pages = { 'no page': undefined, overview: '#/', 'live requests': '#/requests' } as const;

async function measureUnderLoad(browser: Browser, browserPid: number, url: string, gatewayPid: number) {
  const load = startSteadyLoad(url, requestsPerS);
  const seen = new Map<string, { browser: number[]; gateway: number[] }>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, hash] of Object.entries(pages)) {
      const context = await browser.newContext();
      if (hash !== undefined) {
        const page = await context.newPage();
        await page.goto(`${url}/-/${hash}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
      }
      await delay(settleMs);
      const measured = await shares(browserPid, gatewayPid);
      const all = seen.get(name) ?? { browser: [], gateway: [] };
      all.browser.push(measured.browser);
      all.gateway.push(measured.gateway);
      seen.set(name, all);
      await context.close();
    }
  }
  await load.stop();
  say(`${replicas} replicas, ${requestsPerS} requests/s (${load.answered} answered, ${load.failed} failed):`);
  for (const [name, { browser: inBrowser, gateway }] of seen) {
    const told = `browser ${short(median(inBrowser) * 100)} %, gateway ${short(median(gateway) * 100)} %`;
    say(`  ${name}: ${told} of a core (gateway ${gateway.map((one) => short(one * 100)).join(' ')})`);
  }
}

const executablePath = findChromium();
if (executablePath === undefined) throw new Error('there is no chromium on PATH');
const folder = await mkdtemp(join(tmpdir(), 'ringpost-bench-'));
await using closing = new AsyncDisposableStack();
closing.defer(() => rm(folder, { recursive: true, force: true }));
const redis = await startRedis(folder);
closing.defer(() => redis.stop());
const port = String(await freePort());
const url = `http://127.0.0.1:${port}`;
const gateway = await startProgram({
  command: process.execPath,
  args: [gatewayMain],
  env: { REDIS_URL: redis.url, PORT: port, REPLICAS: String(replicas), REPLICA_DRIVER: 'none' },
  cwd: folder,
  logFile: join(folder, 'gateway.log'),
  ready: /^ringpost /,
});
closing.defer(async () => void (await gateway.stop({ graceMs: 15_000 })));
for (let host = 0; host < hosts; host += 1) {
  const names = Array.from({ length: replicas / hosts }, (_, at) => `S${host * (replicas / hosts) + at + 1}`);
  const workers = await startProgram({
    command: process.execPath,
    args: [hostedWorkers],
    env: { REDIS_URL: redis.url, BENCH_REPLICAS: names.join(' ') },
    cwd: folder,
    logFile: join(folder, `workers-${host}.log`),
    ready: /^ready/,
  });
  closing.defer(() => workers.end());
}
const server = await chromium.launchServer({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
closing.defer(() => server.close());
const browser = await chromium.connect(server.wsEndpoint());
await measurePaints(browser, url);
await measureUnderLoad(browser, server.process().pid ?? 0, url, gateway.pid);
