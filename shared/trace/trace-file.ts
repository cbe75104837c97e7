import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ProtocolEvent } from './protocol-event.ts';
import type { TraceSink } from './protocol-trace.ts';

/** @returns CLOCK_MONOTONIC in whole us. All processes of one host share it. */
export function traceTime(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

let opened = 0;

/**
 * Opens a new file for the events of one writer, one JSON object a line. Each event is written before the
 * call returns, so that the file has it also if the process is killed right after.
 * @param name begins the name of the file.
 */
export function openTraceFile(folder: string, name: string): TraceSink {
  mkdirSync(folder, { recursive: true });
  opened += 1;
  const file = `${name.replaceAll(/[^\w.-]/g, '_')}-${process.pid}-${traceTime()}-${opened}.jsonl`;
  let fd: number | undefined = openSync(join(folder, file), 'ax', 0o600);
  return {
    write: (event: ProtocolEvent) => {
      if (fd !== undefined) writeSync(fd, `${JSON.stringify({ at: traceTime(), ...event })}\n`);
    },
    close: () => {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
