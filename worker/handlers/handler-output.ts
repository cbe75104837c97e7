import { AsyncLocalStorage } from 'node:async_hooks';
import { OutputLines } from './output-lines.ts';

/** Writes one line, without its line break. @returns false if the reader is slow. */
export type LineSink = (line: string) => boolean;

type Stream = 'stdout' | 'stderr';

/** The levels of pino. */
const levels: Readonly<Record<Stream, number>> = { stdout: 30, stderr: 40 };

/**
 * Turns what a handler prints into lines of the log that name the replica and the request. Code that was
 * started by a request, e.g. a timer, prints in its name.
 */
export class HandlerOutput {
  readonly #requests = new AsyncLocalStorage<string>();
  readonly #replica: string;
  readonly #sink: LineSink;
  readonly #lines = new Map<Stream, OutputLines>();

  /** @param sink gets each line of the log as JSON. */
  constructor(replica: string, sink: LineSink) {
    this.#replica = replica;
    this.#sink = sink;
  }

  /** Replaces `process.stdout.write` and `process.stderr.write` until the process ends. */
  install(): void {
    for (const name of ['stdout', 'stderr'] as const) {
      const lines = new OutputLines((text, request) => this.#print(name, text, request));
      this.#lines.set(name, lines);
      process[name].write = ((chunk: unknown, encoding: unknown, callback: unknown): boolean => {
        const done = typeof encoding === 'function' ? encoding : callback;
        lines.write(chunk, encoding, this.#requests.getStore());
        if (typeof done === 'function') process.nextTick(done);
        // The line is written when this returns, so that nobody has to wait for `drain`.
        return true;
      }) as typeof process.stdout.write; // it takes all that the overloads take
    }
    process.on('exit', () => this.flush());
  }

  /** Prints lines that have no end yet. */
  flush(): void {
    for (const lines of this.#lines.values()) lines.flush();
  }

  /** Runs a function in the name of a request. @returns what it returns. */
  during<Args extends unknown[], Result>(
    request: string,
    run: (...args: Args) => Result,
    ...args: Args
  ): Result {
    return this.#requests.run(request, run, ...args);
  }

  #print(stream: Stream, msg: string, request: string | undefined): boolean {
    const about = { level: levels[stream], time: Date.now(), role: 'handler', replica: this.#replica };
    return this.#sink(
      JSON.stringify({ ...about, ...(request === undefined ? {} : { request }), stream, msg }),
    );
  }
}
