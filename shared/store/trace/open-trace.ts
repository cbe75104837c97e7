import { safeMessage } from '../../process/safe-error.ts';
import { SettingsError } from '../../settings/settings-error.ts';
import type { PointEvent, TraceRole } from '../../trace/protocol-event.ts';
import { openTraceFile } from '../../trace/trace-file.ts';
import type { ProtocolTrace, TraceSink } from '../../trace/protocol-trace.ts';
import { accessOf } from '../redis/access.ts';
import type { Handle } from '../redis/access.ts';
import { stepsOf } from './script-steps.ts';

/**
 * Opens the protocol trace of one part of a process.
 * @param folder the setting `PROTOCOL_TRACE`.
 * @param name of the part: that of a gateway, a controller or a replica.
 * @returns undefined if there is no folder.
 * @throws {SettingsError} if no file can be created in it.
 */
export function openTrace(
  folder: string | undefined,
  role: TraceRole,
  name: string,
): ProtocolTrace | undefined {
  if (folder === undefined) return undefined;
  try {
    return traceTo(openTraceFile(folder, `${role}-${name}`), role);
  } catch (error) {
    throw new SettingsError([
      `PROTOCOL_TRACE is ${JSON.stringify(folder)}, where no file can be created: ${safeMessage(error)}`,
    ]);
  }
}

/** @returns a trace whose events go to a sink of the caller's. */
export function traceTo(sink: TraceSink, role: TraceRole): ProtocolTrace {
  sink.write({ kind: 'opened', role, pid: process.pid, version: 1 });
  return new StoreTrace(sink);
}

/** @returns the protocol trace that a connection carries; undefined without `PROTOCOL_TRACE`. */
export function traceOf(connection: Handle): ProtocolTrace | undefined {
  return accessOf(connection).trace;
}

class StoreTrace implements ProtocolTrace {
  readonly #sink: TraceSink;
  #calls = 0;

  constructor(sink: TraceSink) {
    this.#sink = sink;
  }

  record(event: PointEvent): void {
    this.#sink.write(event);
  }

  async around<Result>(specification: object, call: unknown, run: () => Promise<Result>): Promise<Result> {
    const steps = stepsOf<Result>(specification, call).map((step) => ({
      ...step,
      call: (this.#calls += 1),
    }));
    for (const { asked, call: number } of steps) this.#sink.write({ ...asked, step: 'asked', call: number });
    try {
      const result = await run();
      for (const { done, call: number } of steps)
        this.#sink.write({ ...done(result), step: 'done', call: number });
      return result;
    } catch (error) {
      for (const { asked, call: number } of steps)
        this.#sink.write({ kind: asked.kind, step: 'failed', call: number });
      throw error;
    }
  }

  close(): void {
    this.#sink.write({ kind: 'closed' });
    this.#sink.close();
  }
}
