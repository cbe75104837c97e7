import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One execution of a request, as the replica that did it has written it down. */
export interface LedgerLine {
  /** The request's id, which the client has made. */
  readonly id: string;
  readonly method: string;
  readonly replica: string;
  /** What the worker was told: 1 for the first run. */
  readonly attempt: number;
  readonly pid: number;
  /** When the execution began, in ms since the epoch. */
  readonly at: number;
  /** Made for this execution alone; its answer repeats it. */
  readonly nonce: string;
}

const fileIn = (directory: string): string => join(directory, 'ledger.jsonl');

/** The file whose presence keeps new workers of a replica from starting. */
export const brokenFile = (directory: string, replica: string): string =>
  join(directory, `broken-${replica}`);

/** Appends one line in one write; lines of several processes do not mix (O_APPEND). */
export function enter(directory: string, line: LedgerLine): void {
  appendFileSync(fileIn(directory), `${JSON.stringify(line)}\n`);
}

/** @returns all executions so far, in the order in which they were written down. */
export async function readLedger(directory: string): Promise<LedgerLine[]> {
  const text = await readFile(fileIn(directory), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LedgerLine); // only `enter` writes it
}
