import type { PointEvent, ProtocolEvent } from './protocol-event.ts';

/** Where the events of one writer go. */
export interface TraceSink {
  /** Keeps an event with the time that it is now. A later kill of the process must not lose it. */
  write(event: ProtocolEvent): void;
  close(): void;
}

/**
 * What a gateway, a worker or a controller says of its part in the protocol. A connection carries it, so that
 * whoever has the connection can say something. Without `PROTOCOL_TRACE` there is none, and nothing of it is
 * on any path.
 */
export interface ProtocolTrace {
  /** Notes something that this process has done by itself. */
  record(event: PointEvent): void;
  /**
   * Runs a script and notes it as steps, if it is one of the protocol.
   * @param specification of the script.
   */
  around<Result>(specification: object, call: unknown, run: () => Promise<Result>): Promise<Result>;
  /** Ends the trace in order. */
  close(): void;
}
