import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { mergeMarks } from './marks.ts';
import type { Executed, MarksJson } from './marks.ts';

/** What a worker sends: first its pid, then answers to the bench. */
type Message = { readonly pid: number } | { readonly run: number; readonly marks: MarksJson };

interface Worker {
  readonly socket: Socket;
  pid: number;
  answered: (marks: MarksJson) => void;
}

const maxWaitMs = 10_000;
const maxStartMs = 90_000;

/** A socket over which the workers of any system report what they executed. */
export class Executions {
  readonly path: string;
  readonly #workers = new Set<Worker>();
  readonly #server = createServer((socket) => this.#onConnection(socket));

  private constructor(path: string) {
    this.path = path;
  }

  /** @param path the path of the socket, which workers get in `BENCH_EXECUTIONS`. */
  static async open(path: string): Promise<Executions> {
    const executions = new Executions(path);
    executions.#server.listen(path);
    await once(executions.#server, 'listening');
    return executions;
  }

  /** The pids of the connected workers. */
  get workers(): number[] {
    return [...this.#workers].map(({ pid }) => pid).filter((pid) => pid !== 0);
  }

  /** @throws Error if this number of workers is not reached within 90 seconds. */
  async untilConnected(count: number): Promise<void> {
    for (let waited = 0; this.workers.length !== count; waited += 10) {
      if (waited > maxStartMs) throw new Error(`${this.workers.length} workers are connected, not ${count}`);
      await delay(10);
    }
  }

  /**
   * @param run the number of the run, not lower than in an earlier call
   * @returns what has been executed so far.
   */
  now(run: number): Promise<Executed> {
    return this.#ask(run);
  }

  /** @returns the same as {@link now}, once nothing more is executed for a while. */
  async of(run: number): Promise<Executed> {
    let last = await this.#ask(run);
    for (let same = 0, polls = 0; same < 3 && polls < 200; polls += 1) {
      await delay(25);
      const now = await this.#ask(run);
      same = now.executions === last.executions ? same + 1 : 0;
      last = now;
    }
    return last;
  }

  /** Makes all work that starts from now on wait until {@link release}. */
  hold(): void {
    this.#broadcast('hold');
  }

  release(): void {
    this.#broadcast('release');
  }

  async close(): Promise<void> {
    for (const { socket } of this.#workers) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #ask(run: number): Promise<Executed> {
    const reports = [...this.#workers].map(async (worker) => {
      const { promise, resolve } = Promise.withResolvers<MarksJson>();
      worker.answered = resolve;
      worker.socket.write(`${run}\n`);
      return promise;
    });
    const marks = await Promise.race([Promise.all(reports), delay(maxWaitMs)]);
    if (marks === undefined) throw new Error('a worker does not report what it has executed');
    return mergeMarks(marks);
  }

  #broadcast(line: string): void {
    for (const { socket } of this.#workers) socket.write(`${line}\n`);
  }

  #onConnection(socket: Socket): void {
    const worker: Worker = { socket, pid: 0, answered: () => undefined };
    this.#workers.add(worker);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#workers.delete(worker));
    createInterface(socket).on('line', (line) => {
      const message = JSON.parse(line) as Message; // only work.ts sends these
      if ('pid' in message) worker.pid = message.pid;
      else worker.answered(message.marks);
    });
  }
}
