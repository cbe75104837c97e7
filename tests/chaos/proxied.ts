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
  /** Whether a server that exits is restarted at once, as by a supervisor; false by default. */
  readonly restarts?: boolean;
}

/** A proxy in front of servers that do the replicas' work. */
export class Proxied {
  readonly url: string;
  readonly ledgerDirectory: string;
  readonly upstreams: readonly Upstream[];
  readonly #workshop: Workshop;
  readonly #folder: string;
  readonly #restarts: boolean;
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
    restarts: boolean,
  ) {
    this.#workshop = workshop;
    this.#restarts = restarts;
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.ledgerDirectory = join(folder, 'ledger');
    this.upstreams = upstreams;
  }

  /** Resolves when the servers listen and the proxy is started. */
  static async start(
    workshop: Workshop,
    folder: string,
    proxy: Proxy,
    { servers, restarts = false }: ProxiedOptions,
  ): Promise<Proxied> {
    const binary = binaryOf(proxy);
    if (binary === undefined) throw new Error(`${proxy.name} is not installed`);
    const port = await freePort();
    const upstreams = await Promise.all(
      Array.from({ length: servers }, async (_, at) => ({ name: `S${at + 1}`, port: await freePort() })),
    );
    const proxied = new Proxied(workshop, folder, port, upstreams, restarts);
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

  /** How often each server has exited by itself. */
  get deaths(): ReadonlyMap<string, number> {
    return this.#deaths;
  }

  /** The pid of the proxy, which may have child processes. */
  get proxyPid(): number {
    return this.#proxy?.pid ?? 0;
  }

  /** Sends SIGKILL to a server and restarts it at once; resolves when it listens. */
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
    if (this.#restarts) void server.exited.then(() => this.#restart(upstream));
  }

  #restart(upstream: Upstream): void {
    if (this.#stopped) return;
    this.#deaths.set(upstream.name, (this.#deaths.get(upstream.name) ?? 0) + 1);
    // If a server fails to start, its requests fail, and the load counts them.
    const start = this.#serve(upstream).catch(() => undefined);
    this.#starting.add(start);
    void start.then(() => this.#starting.delete(start));
  }
}
