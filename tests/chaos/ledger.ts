import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One execution of a request, written by the replica that ran it. */
export interface LedgerLine {
  /** The request's id, chosen by the client. */
  readonly id: string;
  readonly method: string;
  readonly replica: string;
  /** The number of the attempt, as the handler gets it: 1 for the first. */
  readonly attempt: number;
  readonly pid: number;
  /** When the execution started, in ms since the epoch. */
  readonly at: number;
  /** Unique to this execution. Its answer repeats it. */
  readonly nonce: string;
}

const fileIn = (directory: string): string => join(directory, 'ledger.jsonl');

/** @returns the path of a file. While it exists, new workers of the replica fail to start. */
export const brokenFile = (directory: string, replica: string): string =>
  join(directory, `broken-${replica}`);

/** Appends one line in one write, so lines of several processes do not mix (O_APPEND). */
export function appendToLedger(directory: string, line: LedgerLine): void {
  appendFileSync(fileIn(directory), `${JSON.stringify(line)}\n`);
}

/** @returns all executions so far, in the order of the file. */
export async function readLedger(directory: string): Promise<LedgerLine[]> {
  const text = await readFile(fileIn(directory), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LedgerLine); // only `appendToLedger` writes it
}
