/** What came back of a run of load. Times in ms. */
export interface Load {
  readonly seconds: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly sent: number;
  /** Answers of 200 that name a request that was asked and not answered before. */
  readonly answered: number;
  /** Answers of 200 that name none, or another one's. */
  readonly foreign: number;
  /** Answers that are not 200. */
  readonly refused: number;
  /** Requests of the first half of the run that had no answer at its end. */
  readonly overdue: number;
  /** Connections that failed. */
  readonly broken: number;
}

/** What is asked for. */
export interface LoadOptions {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** The number of the run, with which all its ids begin. */
  readonly run: number;
}
