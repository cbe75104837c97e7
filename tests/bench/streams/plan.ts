/** How long and how often to measure. */
export interface StreamPlan {
  readonly rounds: number;
  /** Before each measurement of a rate or of processor time, since V8 compiles meanwhile. In seconds. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Requests for the time to the first byte. */
  readonly firstBytes: number;
  readonly idleStreams: number;
  /** The length of each of the large answers that eight clients get at once. */
  readonly bytesEach: number;
  /** Workers of ringpost. */
  readonly workers: number;
}

/** The length of the large answer that one client gets. */
export const largeBytes = 100_000_000;
/** Streams that bring an event every 10 ms. */
export const busyStreams = 64;
export const largeClients = 8;
/** Connections with ordinary requests. */
export const plainConnections = 64;

export const fullPlan: StreamPlan = {
  rounds: 5,
  warmUpSeconds: 5,
  seconds: 6,
  firstBytes: 200,
  idleStreams: 1000,
  bytesEach: largeBytes,
  workers: 3,
};

/** One round of everything in less than 40 s. */
export const quickPlan: StreamPlan = {
  ...fullPlan,
  rounds: 1,
  warmUpSeconds: 1,
  seconds: 1,
  firstBytes: 60,
  bytesEach: 25_000_000,
};
