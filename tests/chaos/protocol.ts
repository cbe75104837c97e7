import { join } from 'node:path';
import type { ProtocolEvent, TracedEvent } from '#shared/trace/protocol-event.ts';
import { openTraceFile, traceTime } from '#shared/trace/trace-file.ts';
import { HistoryChecker, violationLine } from '../history/check-history.ts';
import type { HistoryVerdict } from '../history/check-history.ts';
import { readTrace } from '../history/read-trace.ts';
import type { Result } from './record.ts';

/** @returns the folder of the protocol trace of a run. @param folder the run's. */
export function traceFolder(folder: string): string {
  return join(folder, 'trace');
}

/** The part of the suite itself in the protocol trace of a run: what clients asked and were told. */
export class SuiteTrace {
  readonly #write: (event: ProtocolEvent) => void;
  readonly close: () => void;
  readonly #isGroup: boolean;

  /**
   * @param folder of the trace.
   * @param isGroup whether another Redis may become the master.
   */
  constructor(folder: string, isGroup: boolean) {
    this.#isGroup = isGroup;
    const sink = openTraceFile(folder, 'client');
    this.#write = (event) => sink.write(event);
    this.close = () => sink.close();
    this.#write({ kind: 'opened', role: 'client', pid: process.pid, version: 1 });
  }

  asked(client: string, method: string): void {
    this.#write({ kind: 'client.asked', client, method });
  }

  told(client: string, result: Result): void {
    if (result.kind !== 'answer') return;
    const { request: id, status, code } = result;
    this.#write({ kind: 'client.told', client, id, status, code });
  }

  /** A fault begins or ends. */
  fault(what: string, ended: boolean): void {
    if (mayLoseWrites(what, this.#isGroup)) this.#write({ kind: 'redis.fault', ended });
  }
}

/** Faults in which Redis may lose writes that it has acknowledged, by their names in reports. */
const losing =
  /^(kill -9 Redis|redis-killed|FLUSHALL|redis-flushed|part the network|switched|planned switch)/;
/** The same, where several servers may be the master. */
const losingOfGroup = /^(freeze Redis|Redis full|redis-full|Redis read-only|redis-read-only|master-)/;

/** @returns whether Redis may lose writes in a fault. @param isGroup whether there are several servers. */
export function mayLoseWrites(what: string, isGroup: boolean): boolean {
  return losing.test(what) || (isGroup && losingOfGroup.test(what));
}

/**
 * Holds the protocol trace of a run against the rules.
 * @param alive the processes that ran when the run had ended: what they have not told by then, they never
 * will.
 */
export function checkProtocol(folder: string, alive: ReadonlySet<number>): HistoryVerdict {
  const checker = new HistoryChecker();
  const left = new Set<string>();
  for (const event of readTrace(folder)) {
    if (event.kind === 'opened' && event.role === 'gateway' && alive.has(event.pid)) left.add(event.source);
    checker.add(event);
  }
  for (const source of left) checker.add({ kind: 'closed', at: traceTime(), source } satisfies TracedEvent);
  return checker.end();
}

/**
 * @param executions how many the ledger has. The handler writes there once it is called.
 * @returns sentences on the rules that a run did not meet.
 */
export function unmetRules({ violations, begun }: HistoryVerdict, executions: number): string[] {
  const byRule = Map.groupBy(violations, ({ rule }) => rule);
  const sentences = [...byRule.values()].map((each) => {
    const shown = each.slice(0, 3).map(violationLine);
    return `${each.length} violations of the protocol: ${shown.join('; ')}${each.length > 3 ? ' …' : ''}`;
  });
  if (executions > begun) sentences.push(`the trace has ${begun} runs, and the ledger ${executions}`);
  return sentences;
}

/** @returns what a check has looked at, in a line. */
export function checkedLine({ events, requests, begun, excused }: HistoryVerdict): string {
  const found = excused.length === 0 ? '' : `, ${excused.length} explained by a fault of Redis`;
  return `protocol: ${events} events of ${requests} requests, ${begun} runs${found}`;
}
