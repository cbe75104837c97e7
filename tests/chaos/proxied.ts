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

/** A proxy with servers behind it that do the replicas' work. */
export class Proxied {
  readonly url: string;
  readonly ledgerDirectory: string;
  readonly upstreams: readonly Upstream[];
  readonly #workshop: Workshop;
  readonly #folder: string;
  readonly #servers = new Map<string, Program>();
  #proxy: Program | undefined;

  private constructor(workshop: Workshop, folder: string, port: number, upstreams: readonly Upstream[]) {
    this.#workshop = workshop;
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.ledgerDirectory = join(folder, 'ledger');
    this.upstreams = upstreams;
  }

  /** @returns when the proxy answers. */
  static async start(workshop: Workshop, folder: string, proxy: Proxy, count: number): Promise<Proxied> {
    const binary = binaryOf(proxy);
    if (binary === undefined) throw new Error(`${proxy.name} is not installed`);
    const port = await freePort();
    const upstreams = await Promise.all(
      Array.from({ length: count }, async (_, at) => ({ name: `S${at + 1}`, port: await freePort() })),
    );
    const proxied = new Proxied(workshop, folder, port, upstreams);
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

  /** kill -9 of a server, which is started again at once; resolves when it listens. */
  async killAndReplace(upstream: Upstream): Promise<void> {
    await this.#servers.get(upstream.name)?.end();
    await this.#serve(upstream);
  }

  async stop(): Promise<void> {
    await this.#proxy?.end();
    await Promise.all([...this.#servers.values()].map((server) => server.end()));
    await this.#workshop.untilNothingRuns();
  }

  async #serve({ name, port }: Upstream): Promise<void> {
    const server = await startProgram({
      command: process.execPath,
      args: [serverMain],
      env: { PORT: String(port), REPLICA: name, LEDGER_DIRECTORY: this.ledgerDirectory },
      cwd: this.#workshop.folder,
      logFile: join(this.#folder, `${name}.log`),
      ready: /^ledger server ready/,
    });
    this.#servers.set(name, server);
  }
}
