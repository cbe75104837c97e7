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
  /** `http://127.0.0.1:<port>`; the connections are spread over them. */
  readonly urls: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** The number of the run, with which all its ids begin. */
  readonly run: number;
  /** A request has a body of so many bytes, and its answer as many. 0: GET, without one. */
  readonly bodyBytes: number;
}
