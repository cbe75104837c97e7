import { setTimeout as delay } from 'node:timers/promises';
import { safeMessage } from '#shared/process/safe-error.ts';
import type { HandlerVersions } from '../drivers/handler-versions.ts';
import type { Build } from './build.ts';
import type { Frames } from './frames.ts';
import type { OutputFiles } from './output-files.ts';
import { preflight } from './preflight.ts';
import type { PreflightOptions } from './preflight.ts';

export interface ReloadsOptions extends PreflightOptions {
  readonly files: OutputFiles;
  readonly frames: Frames;
  /** The name of the handler's file, for people. */
  readonly name: string;
  /** Prints a line about what happens. */
  readonly say: (line: string) => void;
  /** Prints what is wrong. */
  readonly complain: (text: string) => void;
}

/** A build that can be loaded. */
interface Loaded {
  readonly path: string;
  readonly code: string;
}

/** No build may follow within this time in ms, so that a burst of edits leads to one reload. */
const quietMs = 120;

/**
 * Takes builds of the handler, and replaces the running version by each one that can be loaded. A newer build
 * supersedes all others.
 */
export class Reloads {
  readonly #options: ReloadsOptions;
  #newest: Build | undefined;
  /** Ends the preflight of a build that is no longer the newest. */
  #superseded = new AbortController();
  #isWorking = false;
  #running: Loaded | undefined;
  #handler: HandlerVersions | undefined;
  /** The files that preflights read. */
  readonly #tried = new Set<string>();
  #isBroken = false;
  #stopped = false;

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  /**
   * Loads the first build, before there is a worker, or one that has come meanwhile. It complains if that
   * fails.
   * @returns the path of its bundle; undefined if it cannot be loaded.
   */
  async first(build: Build): Promise<string | undefined> {
    for (let next: Build | undefined = build; next !== undefined && !this.#running; next = this.#takeNewest())
      this.#running = await this.#load(next);
    return this.#running?.path;
  }

  /** @param handler whose current version is the first one. Later builds replace it. */
  begin(handler: HandlerVersions): void {
    this.#handler = handler;
    this.#wake();
  }

  /** Takes a build that a change has led to. */
  offer(build: Build): void {
    this.#newest = build;
    this.#superseded.abort();
    this.#superseded = new AbortController();
    if (this.#handler !== undefined) this.#wake();
  }

  /** Nothing is replaced any more. */
  stop(): void {
    this.#stopped = true;
    this.#superseded.abort();
  }

  #takeNewest(): Build | undefined {
    const newest = this.#newest;
    if (this.#running === undefined) this.#newest = undefined;
    return newest;
  }

  #wake(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    void this.#work().finally(() => {
      this.#isWorking = false;
    });
  }

  async #work(): Promise<void> {
    while (this.#newest !== undefined && !this.#stopped) {
      const build = this.#newest;
      await delay(quietMs);
      if (this.#newest !== build) continue;
      try {
        await this.#reload(build);
      } catch (error) {
        // The disk may be full, or the system may refuse a process.
        this.#complain(`ringpost dev: the reload failed: ${safeMessage(error)}`);
      }
      if (this.#newest === build) this.#newest = undefined;
    }
  }

  async #reload(build: Build): Promise<void> {
    const { name, say } = this.#options;
    if (build.code !== undefined && this.#isRunning(build.code)) {
      if (this.#isBroken) say(`${name} is mended: it is the version that is running`);
      this.#isBroken = false;
      return;
    }
    const loaded = await this.#load(build);
    if (loaded === undefined || this.#newest !== build || this.#stopped) return;
    this.#running = loaded;
    say(`${name} ${this.#isBroken ? 'is mended' : 'has changed'}; reloading`);
    this.#isBroken = false;
    this.#replace(loaded.path);
  }

  #replace(path: string): void {
    const { name, say } = this.#options;
    const handler = this.#handler;
    if (handler === undefined) return;
    const since = performance.now();
    handler.replace(path);
    void handler.whenAlone().then((isLast) => {
      const seconds = ((performance.now() - since) / 1000).toFixed(1);
      if (isLast && !this.#stopped) say(`${name} is reloaded (${seconds} s)`);
    });
  }

  /** @returns undefined if the build cannot be loaded, after a complaint, or if a newer one has come. */
  async #load({ code, errors, warnings }: Build): Promise<Loaded | undefined> {
    const { files, frames } = this.#options;
    const { signal } = this.#superseded;
    if (code === undefined) {
      this.#complain(frames.ofErrors(errors));
      return undefined;
    }
    const warning = frames.ofWarnings(warnings);
    if (warning !== '') this.#options.complain(warning);
    const path = files.write(code, (each) => this.#tried.has(each) || this.#handler?.isUsed(each) === true);
    this.#tried.add(path);
    const { fault, ended } = await preflight(path, this.#options, signal);
    void ended.finally(() => this.#tried.delete(path));
    if (signal.aborted) return undefined;
    if (fault === undefined) return { path, code };
    this.#complain(frames.ofFault(fault, path));
    return undefined;
  }

  #complain(frame: string): void {
    const { name, complain } = this.#options;
    complain(frame);
    this.#isBroken = true;
    if (this.#running !== undefined) complain(`${name} is not reloaded: its last good version keeps serving`);
  }

  #isRunning(code: string): boolean {
    return this.#running?.code === code;
  }
}
