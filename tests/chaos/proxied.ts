import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { startProgram } from './program.ts';
import type { Program } from './program.ts';
import { binaryOf } from './proxy.ts';
import type { Proxy, Upstream } from './proxy.ts';
import type { Workshop } from './workshop.ts';

const serverMain = fileURLToPath(new URL('ledger-server.ts', import.meta.url));

export interface ProxiedOptions {
  readonly servers: number;
  /** Whether a server that ends is started again at once, as by a supervisor. */
  readonly revives?: boolean;
}

/** A proxy with servers behind it that do the replicas' work. */
export class Proxied {
  readonly url: string;
  readonly ledgerDirectory: string;
  readonly upstreams: readonly Upstream[];
  readonly #workshop: Workshop;
  readonly #folder: string;
  readonly #revives: boolean;
  readonly #servers = new Map<string, Program>();
  readonly #deaths = new Map<string, number>();
  readonly #starting = new Set<Promise<void>>();
  #proxy: Program | undefined;
  #stopped = false;

  private constructor(
    workshop: Workshop,
    folder: string,
    port: number,
    upstreams: readonly Upstream[],
    revives: boolean,
  ) {
    this.#workshop = workshop;
    this.#revives = revives;
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.ledgerDirectory = join(folder, 'ledger');
    this.upstreams = upstreams;
  }

  /** @returns when the proxy answers. */
  static async start(
    workshop: Workshop,
    folder: string,
    proxy: Proxy,
    { servers, revives = false }: ProxiedOptions,
  ): Promise<Proxied> {
    const binary = binaryOf(proxy);
    if (binary === undefined) throw new Error(`${proxy.name} is not installed`);
    const port = await freePort();
    const upstreams = await Promise.all(
      Array.from({ length: servers }, async (_, at) => ({ name: `S${at + 1}`, port: await freePort() })),
    );
    const proxied = new Proxied(workshop, folder, port, upstreams, revives);
    await mkdir(proxied.ledgerDirectory, { recursive: true });
    try {
      await Promise.all(upstreams.map((upstream) => proxied.#serve(upstream)));
      const file = join(folder, `${proxy.name}.conf`);
      await writeFile(file, proxy.configuration(port, upstreams, folder));
      proxied.#proxy = await startProgram({
        command: binary,
        args: proxy.args(file, folder),
        env: {},
        cwd: workshop.folder,
        logFile: join(folder, `${proxy.name}.log`),
      });
      return proxied;
    } catch (error) {
      await proxied.stop();
      throw error;
    }
  }

  /** How often each server has ended by itself. */
  get deaths(): ReadonlyMap<string, number> {
    return this.#deaths;
  }

  /** The pid of the proxy that was started; it may have children. */
  get proxyPid(): number {
    return this.#proxy?.pid ?? 0;
  }

  /** kill -9 of a server, which is started again at once; resolves when it listens. */
  async killAndReplace(upstream: Upstream): Promise<void> {
    await this.#servers.get(upstream.name)?.end();
    await this.#serve(upstream);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#proxy?.end();
    await Promise.all(this.#starting);
    await Promise.all([...this.#servers.values()].map((server) => server.end()));
    await this.#workshop.untilNothingRuns();
  }

  async #serve(upstream: Upstream): Promise<void> {
    const { name, port } = upstream;
    const server = await startProgram({
      command: process.execPath,
      args: [serverMain],
      env: { PORT: String(port), REPLICA: name, LEDGER_DIRECTORY: this.ledgerDirectory },
      cwd: this.#workshop.folder,
      logFile: join(this.#folder, `${name}.log`),
      ready: /^ledger server ready/,
    });
    this.#servers.set(name, server);
    if (this.#revives) void server.exited.then(() => this.#revive(upstream));
  }

  #revive(upstream: Upstream): void {
    if (this.#stopped) return;
    this.#deaths.set(upstream.name, (this.#deaths.get(upstream.name) ?? 0) + 1);
    // One that ends at its start is missed by what is sent to it, which the load sees.
    const start = this.#serve(upstream).catch(() => undefined);
    this.#starting.add(start);
    void start.then(() => this.#starting.delete(start));
  }
}
