/** How a stream ended for its client. */
export type StreamEnding =
  /** Its end has arrived. */
  | { readonly kind: 'clean' }
  /** The connection broke after the head, so the client knows that the answer is not complete. */
  | { readonly kind: 'broken'; readonly code: string }
  /** There was no head: the connection was refused or broke, or the answer has another status than 200. */
  | { readonly kind: 'refused'; readonly code: string }
  /** The client has left. */
  | { readonly kind: 'left' }
  /** Nothing came for a long time. */
  | { readonly kind: 'silence' };

/** One stream, as its client saw it. */
export interface StreamRecord {
  readonly id: string;
  /** A kept stream is followed to its end, at another gateway after each break. */
  readonly kind: 'live' | 'kept';
  /** The index of the gateway; of a kept stream that of the first one. */
  readonly target: number;
  readonly replica: string | undefined;
  /** When the request was sent and when the stream ended, in ms since the epoch. */
  readonly sent: number;
  readonly ended: number;
  /** The length of the whole answer, in bytes. */
  readonly wanted: number;
  /** How many bytes came. */
  readonly bytes: number;
  /** The first position with a wrong byte. */
  readonly wrongAt: number | undefined;
  readonly ending: StreamEnding;
  /** How often a kept stream was taken up again. */
  readonly resumed: number;
  /** Whether a kept stream could be read whole once it had ended. */
  readonly readWhole?: boolean;
}
