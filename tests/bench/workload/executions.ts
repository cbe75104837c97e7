import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { together } from './marks.ts';
import type { Executed, MarksJson } from './marks.ts';

/** What a worker writes: first its pid, then what was asked. */
type Message = { readonly pid: number } | { readonly run: number; readonly marks: MarksJson };

interface Worker {
  readonly socket: Socket;
  pid: number;
  answered: (marks: MarksJson) => void;
}

const patienceMs = 10_000;
const startMs = 90_000;

/** Where the workers of all systems say what they executed. */
export class Executions {
  readonly path: string;
  readonly #workers = new Set<Worker>();
  readonly #server = createServer((socket) => this.#meet(socket));

  private constructor(path: string) {
    this.path = path;
  }

  /** @param path of the socket; processes find it in `BENCH_EXECUTIONS`. */
  static async open(path: string): Promise<Executions> {
    const executions = new Executions(path);
    executions.#server.listen(path);
    await once(executions.#server, 'listening');
    return executions;
  }

  /** The pids of the workers that are there. */
  get workers(): number[] {
    return [...this.#workers].map(({ pid }) => pid).filter((pid) => pid !== 0);
  }

  /** @throws Error where so many workers do not come within a minute and a half. */
  async untilThere(count: number): Promise<void> {
    for (let waited = 0; this.workers.length !== count; waited += 10) {
      if (waited > startMs) throw new Error(`${this.workers.length} workers are there, not ${count}`);
      await delay(10);
    }
  }

  /**
   * @param run its number, not below one that was asked for before
   * @returns what was executed until now.
   */
  now(run: number): Promise<Executed> {
    return this.#ask(run);
  }

  /** @returns as {@link now}, when no more is executed for a while. */
  async of(run: number): Promise<Executed> {
    let last = await this.#ask(run);
    for (let same = 0, looks = 0; same < 3 && looks < 200; looks += 1) {
      await delay(25);
      const now = await this.#ask(run);
      same = now.executions === last.executions ? same + 1 : 0;
      last = now;
    }
    return last;
  }

  /** Makes all that is executed from now on wait until {@link release}. */
  hold(): void {
    this.#tell('hold');
  }

  release(): void {
    this.#tell('release');
  }

  async close(): Promise<void> {
    for (const { socket } of this.#workers) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #ask(run: number): Promise<Executed> {
    const told = [...this.#workers].map(async (worker) => {
      const { promise, resolve } = Promise.withResolvers<MarksJson>();
      worker.answered = resolve;
      worker.socket.write(`${run}\n`);
      return promise;
    });
    const marks = await Promise.race([Promise.all(told), delay(patienceMs)]);
    if (marks === undefined) throw new Error('a worker does not say what it has executed');
    return together(marks);
  }

  #tell(line: string): void {
    for (const { socket } of this.#workers) socket.write(`${line}\n`);
  }

  #meet(socket: Socket): void {
    const worker: Worker = { socket, pid: 0, answered: () => undefined };
    this.#workers.add(worker);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#workers.delete(worker));
    createInterface(socket).on('line', (line) => {
      const message = JSON.parse(line) as Message; // only work.ts writes here
      if ('pid' in message) worker.pid = message.pid;
      else worker.answered(message.marks);
    });
  }
}
