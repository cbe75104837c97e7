/**
 * Finds where events end in the bytes of a `text/event-stream`, and the id of the last event, as a client
 * learns it (HTML, section 9.2.6). An event ends with a blank line. Each byte is looked at once. The line
 * being read is in one of these states:
 *
 *   start --"i"--> i --"d"--> id --":"--> value --end of the line--> start; the id is noted
 *   start, i, id --any other byte--> other --end of the line--> start
 *   id --end of the line--> start; the id is noted as empty
 *   start --end of the line--> start; the event ends
 *   start --the first byte of the answer begins a byte order mark--> mark --its last byte--> start
 */
type LineState = 'start' | 'mark' | 'i' | 'id' | 'value' | 'other';

const [lineFeed, carriageReturn, space, colon, letterI, letterD] = [0x0a, 0x0d, 0x20, 0x3a, 0x69, 0x64];
const byteOrderMark = [0xef, 0xbb, 0xbf];
/** Longer ids are not remembered: a client sends the last one in a header field. */
const maxIdBytes = 1024;

/** Where a stream is taken up, between two events. */
export interface EventPosition {
  readonly offset: number;
  /** The id of the last event before it; empty if there is none. */
  readonly lastId: string;
}

export class EventBoundaries {
  /** How many bytes of the answer were looked at. */
  #offset: number;
  #end: number;
  #lastId: string;
  #state: LineState = 'start';
  /** The last byte was a carriage return. A line feed after it belongs to the same end of a line. */
  #afterReturn = false;
  /** The last end of a line ended an event. */
  #atEnd = false;
  /** The id that the event so far has. */
  #eventId: string;
  /** The bytes of the id so far, at most two more than `maxIdBytes`. */
  #value: number[] = [];

  /** @param from where the first bytes are in the answer. */
  constructor({ offset, lastId }: EventPosition = { offset: 0, lastId: '' }) {
    this.#offset = offset;
    this.#end = offset;
    this.#lastId = lastId;
    this.#eventId = lastId;
  }

  /** The offset behind the last whole event. */
  get end(): number {
    return this.#end;
  }

  /** The id that a client has which has read until {@link end}; empty if it has none. */
  get lastId(): string {
    return this.#lastId;
  }

  /** Looks at the next bytes of the answer. */
  add(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#offset += 1;
      if (byte === lineFeed) {
        if (!this.#afterReturn) this.#endLine();
        else if (this.#atEnd) this.#end = this.#offset;
        this.#afterReturn = false;
      } else if (byte === carriageReturn) {
        this.#endLine();
        this.#afterReturn = true;
      } else {
        this.#afterReturn = false;
        if (this.#state !== 'other') this.#state = this.#next(byte);
      }
    }
  }

  #next(byte: number): LineState {
    switch (this.#state) {
      case 'start':
        if (byte === letterI) return 'i';
        return this.#offset === 1 && byte === byteOrderMark[0] ? 'mark' : 'other';
      case 'mark':
        if (byte !== byteOrderMark[this.#offset - 1]) return 'other';
        return this.#offset === byteOrderMark.length ? 'start' : 'mark';
      case 'i':
        return byte === letterD ? 'id' : 'other';
      case 'id':
        this.#value = [];
        return byte === colon ? 'value' : 'other';
      case 'value':
        if (this.#value.length <= maxIdBytes + 1) this.#value.push(byte);
        return 'value';
      case 'other':
        return 'other';
      default:
        return this.#state satisfies never;
    }
  }

  #endLine(): void {
    const state = this.#state;
    this.#state = 'start';
    this.#atEnd = state === 'start';
    switch (state) {
      case 'start':
        this.#end = this.#offset;
        this.#lastId = this.#eventId;
        return;
      case 'id':
        this.#eventId = '';
        return;
      case 'value':
        this.#noteId();
        return;
      case 'mark':
      case 'i':
      case 'other':
        return;
      default:
        state satisfies never;
    }
  }

  #noteId(): void {
    const bytes = this.#value[0] === space ? this.#value.slice(1) : this.#value;
    this.#value = [];
    // A client ignores such an id.
    if (bytes.includes(0)) return;
    this.#eventId = bytes.length > maxIdBytes ? '' : Buffer.from(bytes).toString('utf8');
  }
}
