import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Role } from '../measure/cpu.ts';

/** What a process holds, in bytes. */
export interface Memory {
  readonly rss: number;
  /** The used heap and what is outside of it, such as the bytes of buffers. */
  readonly live: number;
}

/** A process of a system, seen from inside. */
export interface Probe {
  readonly role: Role;
  readonly pid: number;
}

const probeModule = pathToFileURL(fileURLToPath(new URL('probe.ts', import.meta.url))).href;

/** @returns the settings with which each process and its children answer in this folder. */
export function probeSettings(folder: string): NodeJS.ProcessEnv {
  return { BENCH_PROBES: folder, NODE_OPTIONS: `--import=${probeModule}` };
}

/** The processes that answer in a folder. */
export class Probes {
  readonly #folder: string;
  readonly all: readonly Probe[];

  private constructor(folder: string, all: readonly Probe[]) {
    this.#folder = folder;
    this.all = all;
  }

  static async in(folder: string): Promise<Probes> {
    const found = (await readdir(folder)).flatMap((name) => {
      const [, role, pid] = /^(gateway|worker|proxy)-(\d+)\.sock$/.exec(name) ?? [];
      return role === undefined ? [] : [{ role: role as Role, pid: Number(pid) }]; // the pattern has them
    });
    return new Probes(folder, found);
  }

  /** @returns what all processes hold once their garbage is collected. */
  memory(): Promise<Map<Probe, Memory>> {
    return this.#askForMemory('memory');
  }

  /** From now on, each process notes the most that it holds. */
  async watch(): Promise<void> {
    await this.#askForMemory('watch');
  }

  /** @returns the most that each process has held since {@link watch}. */
  most(): Promise<Map<Probe, Memory>> {
    return this.#askForMemory('most');
  }

  /** Profiles all processes while `act` runs, and writes a file for each. */
  async profiled<T>(folder: string, name: string, act: () => Promise<T>): Promise<T> {
    await Promise.all(this.all.map((probe) => this.#ask(probe, 'profile')));
    const result = await act();
    await Promise.all(
      this.all.map((probe) =>
        this.#ask(probe, `profiled ${join(folder, `${name}-${probe.role}-${probe.pid}.cpuprofile`)}`),
      ),
    );
    return result;
  }

  async #askForMemory(line: string): Promise<Map<Probe, Memory>> {
    const answers = await Promise.all(
      // probe.ts answers with this.
      this.all.map(async (probe) => [probe, (await this.#ask(probe, line)) as Memory] as const),
    );
    return new Map(answers);
  }

  async #ask({ role, pid }: Probe, line: string): Promise<unknown> {
    const socket = connect(join(this.#folder, `${role}-${pid}.sock`));
    const lines = createInterface(socket);
    socket.write(`${line}\n`);
    const [answer] = (await once(lines, 'line')) as [string];
    socket.destroy();
    return JSON.parse(answer);
  }
}
