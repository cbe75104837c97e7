import { rmSync, writeFileSync } from 'node:fs';
import type { Logger } from '#shared/process/logger.ts';

/** A file that exists while the worker takes jobs, for readiness checks that start no Node process. */
export class ReadyFile {
  readonly #path: string | undefined;
  readonly #log: Logger;

  /** A file that a killed worker has left is deleted. */
  constructor(path: string | undefined, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.remove();
  }

  create(): void {
    this.#change((path) => writeFileSync(path, ''));
  }

  remove(): void {
    this.#change((path) => rmSync(path, { force: true }));
  }

  #change(change: (path: string) => void): void {
    if (this.#path === undefined) return;
    try {
      change(this.#path);
    } catch (error) {
      this.#log.warn({ err: error }, 'the ready file could not be changed');
    }
  }
}
