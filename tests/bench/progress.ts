import { createRequire } from 'node:module';

/** The progress of a long run: a bar on a terminal, otherwise a line now and then. */
export interface Progress {
  /** Names the current step. */
  begin(what: string): void;
  /** Adds finished units. */
  advance(units: number): void;
  /** Ends the bar. May be called twice. */
  stop(): void;
}

/** The part of cli-progress that is used; the package has no types. */
interface CliProgress {
  readonly SingleBar: new (options: object) => {
    start(total: number, value: number, payload: object): void;
    increment(by: number, payload: object): void;
    update(payload: object): void;
    stop(): void;
  };
}

/** The interval of lines if stdout is not a terminal, in ms. */
const lineIntervalMs = 10_000;

/** Starts a bar on stdout. Call `installBenchPackages` before. @param total the number of all units. */
export function startProgress(total: number): Progress {
  const require = createRequire(import.meta.url);
  const { SingleBar } = require('cli-progress') as CliProgress; // its README shows this
  const bar = new SingleBar({
    format: '{bar} {percentage} %  {duration_formatted} of about {whole}  {what}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    stream: process.stdout,
    noTTYOutput: true,
    notTTYSchedule: lineIntervalMs,
  });
  const started = performance.now();
  let what = 'starting';
  let done = 0;
  const shown = (): object => ({ what, whole: minutes(done === 0 ? undefined : total / done) });
  /** @param times the whole duration divided by the time that has passed. */
  const minutes = (times: number | undefined): string =>
    times === undefined
      ? '?'
      : `${Math.max(1, Math.round((times * (performance.now() - started)) / 60_000))} min`;
  bar.start(total, 0, shown());
  return {
    begin: (next) => {
      what = next;
      bar.update(shown());
    },
    advance: (units) => {
      done += units;
      bar.increment(units, shown());
    },
    stop: () => bar.stop(),
  };
}
