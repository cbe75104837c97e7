import { createRequire } from 'node:module';

/** How far a long run has come, as a bar; as a line now and then where nobody watches. */
export interface Progress {
  /** Says what is done now. */
  begin(what: string): void;
  /** Goes on by so many units of the whole. */
  advance(units: number): void;
  /** Ends the bar as it is. Safe to call twice. */
  stop(): void;
}

/** What is used of cli-progress, which has no types of its own. */
interface CliProgress {
  readonly SingleBar: new (options: object) => {
    start(total: number, value: number, payload: object): void;
    increment(by: number, payload: object): void;
    update(payload: object): void;
    stop(): void;
  };
}

/** How often a line is printed where stdout is no terminal, in ms. */
const everyMs = 10_000;

/**
 * Starts a progress bar on stdout. Call it after `installBenchPackages`.
 * @param total the number of units.
 */
export function startProgress(total: number): Progress {
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as CliProgress; // as its README shows
  const bar = new SingleBar({
    format: '{bar} {percentage} %  {duration_formatted} of about {whole}  {what}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    stream: process.stdout,
    noTTYOutput: true,
    notTTYSchedule: everyMs,
  });
  const began = performance.now();
  let what = 'starting';
  let done = 0;
  const shown = (): object => ({ what, whole: minutes(done === 0 ? undefined : total / done) });
  /** @param times the whole run in terms of what has passed. */
  const minutes = (times: number | undefined): string =>
    times === undefined
      ? '?'
      : `${Math.max(1, Math.round((times * (performance.now() - began)) / 60_000))} min`;
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
