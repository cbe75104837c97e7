import type { Redaction } from '#shared/contract/redaction.ts';
import type { Logger } from '#shared/process/logger.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';
import { isDoneWithin } from '#shared/process/within.ts';
import type { EndedRequest, EndedRequestListener } from '../http/ended-request.ts';
import type { AccessLogConfig } from './access-log-settings.ts';
import { combinedLine } from './combined-line.ts';
import { jsonLine } from './json-line.ts';
import { LineWriter } from './line-writer.ts';
import { loggedRequest } from './logged-request.ts';
import type { LoggedRequest } from './logged-request.ts';
import type { Output } from './output.ts';

export interface AccessLogOptions extends AccessLogConfig {
  readonly redaction: Redaction;
  readonly output: Output;
  readonly log: Logger;
}

/** Characters of lines that wait for stdout at most, about two seconds of a busy gateway. */
const limit = 4 * 1024 * 1024;

/** Time in ms in which a gateway that stops writes the rest. */
const flushMs = 1000;

/** Writes a line for each dispatched request that has ended. Slow output makes no request wait. */
export class AccessLog implements EndedRequestListener {
  readonly #options: AccessLogOptions;
  readonly #lineOf: (request: LoggedRequest) => string;
  readonly #writer: LineWriter;
  #dropped = 0;

  constructor(options: AccessLogOptions) {
    const warning = new SparseWarning(options.log, 'lines of the access log were dropped');
    this.#options = options;
    this.#lineOf = options.format === 'json' ? jsonLine : combinedLine;
    this.#writer = new LineWriter({
      output: options.output,
      limit,
      onDropped: (lines, err) => {
        this.#dropped += lines;
        warning.warn({ dropped: this.#dropped, ...(err === undefined ? {} : { err }) });
      },
    });
  }

  /** Lines that were not written, because stdout was blocked or closed. */
  get droppedCount(): number {
    return this.#dropped;
  }

  refused(request: EndedRequest): void {
    this.ended(request);
  }

  ended(request: EndedRequest): void {
    const { query, redaction } = this.#options;
    this.#writer.add(this.#lineOf(loggedRequest(request, query, redaction)));
  }

  /** Writes what waits, as far as stdout takes it within a second. To be called after the last request. */
  async stop(): Promise<void> {
    await isDoneWithin(this.#writer.flushed(), flushMs);
  }
}
