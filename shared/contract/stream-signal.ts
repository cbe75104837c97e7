/** What a gateway tells the worker of a queue. Grants and cancels name the fence that they are for. */
export type StreamSignal =
  /** The worker may send up to this offset of the answer. */
  | { readonly kind: 'grant'; readonly fence: number; readonly offset: number; readonly id: string }
  /** The client has left, or the gateway does not know the stream. */
  | { readonly kind: 'cancel'; readonly fence: number; readonly id: string }
  /**
   * Frames behind this offset of the answer may be lost, and are to be sent again. It is undefined if not
   * even the head has arrived.
   */
  | { readonly kind: 'missing'; readonly offset: number | undefined; readonly id: string }
  /** The gateway is here, and has streams of this replica. */
  | { readonly kind: 'present'; readonly gateway: string };

/** Encodes signals as one message: a line for each of them. */
export function encodeSignals(signals: readonly StreamSignal[]): string {
  return signals.map(encodeSignal).join('\n');
}

/** @returns the signals of a message. Lines that this release does not know are left out. */
export function decodeSignals(message: string): readonly StreamSignal[] {
  const signals: StreamSignal[] = [];
  for (const line of message.split('\n')) {
    const signal = decodeSignal(line);
    if (signal !== undefined) signals.push(signal);
  }
  return signals;
}

function encodeSignal(signal: StreamSignal): string {
  switch (signal.kind) {
    case 'grant':
      return `g ${signal.fence} ${signal.offset} ${signal.id}`;
    case 'cancel':
      return `x ${signal.fence} ${signal.id}`;
    case 'missing':
      return `m ${signal.offset ?? '-'} ${signal.id}`;
    case 'present':
      return `n ${signal.gateway}`;
    default:
      return signal satisfies never;
  }
}

const pattern = new RegExp(
  String.raw`^(?:g (?<granted>\d+) (?<offset>\d+) (?<id>\S+)|x (?<fence>\d+) (?<left>\S+)` +
    String.raw`|m (?<behind>\d+|-) (?<missing>\S+)|n (?<gateway>\S+))$`,
);

function decodeSignal(line: string): StreamSignal | undefined {
  const { granted, offset, id, fence, left, behind, missing, gateway } = pattern.exec(line)?.groups ?? {};
  if (gateway !== undefined) return { kind: 'present', gateway };
  if (left !== undefined) {
    const of = Number(fence);
    return Number.isSafeInteger(of) ? { kind: 'cancel', fence: of, id: left } : undefined;
  }
  if (missing !== undefined) {
    if (behind === '-') return { kind: 'missing', offset: undefined, id: missing };
    const from = Number(behind);
    return Number.isSafeInteger(from) ? { kind: 'missing', offset: from, id: missing } : undefined;
  }
  if (id === undefined) return undefined;
  const [of, upTo] = [Number(granted), Number(offset)];
  if (!Number.isSafeInteger(of) || !Number.isSafeInteger(upTo)) return undefined;
  return { kind: 'grant', fence: of, offset: upTo, id };
}
