import type { RequestKind } from '../workload/requests.ts';

/** The result of a run of load. Times are in ms. */
export interface Load {
  readonly seconds: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly sent: number;
  /** 200 answers with the id, and the body, of a request that was sent and not yet answered. */
  readonly answered: number;
  /** 200 answers with any other content. */
  readonly foreign: number;
  /** Answers with another status than 200. */
  readonly refused: number;
  /** Requests of the first half of the run without an answer at its end. */
  readonly overdue: number;
  /** Connections that failed. */
  readonly broken: number;
}

/** What load to make. */
export interface LoadOptions {
  /** `http://127.0.0.1:<port>`, among which the connections are distributed. */
  readonly urls: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** The number of the run, with which each id begins. */
  readonly run: number;
  readonly request: RequestKind;
}
