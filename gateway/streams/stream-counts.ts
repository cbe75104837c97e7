import type { StreamFault } from './client-stream.ts';

/** What has happened to the streams of a gateway since it started. */
export class StreamCounts {
  begun = 0;
  chunks = 0;
  bytes = 0;
  /** Frames that were dropped: they came again, were of another fence, or nobody waited for their stream. */
  dropped = 0;
  /** Streams that were broken off, by why. */
  readonly aborted = new Map<StreamFault, number>();

  abort(cause: StreamFault): void {
    this.aborted.set(cause, (this.aborted.get(cause) ?? 0) + 1);
  }
}
