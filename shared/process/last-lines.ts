/** What is kept of the stderr of a process. */
export const maxLines = 20;
const maxBytes = 16_384;

const newline = 0x0a;

/** Keeps the end of a stream of text: at most 20 lines and 16 KiB. */
export class LastLines {
  #kept = Buffer.alloc(0);
  /** Whether the first kept line has lost its beginning. */
  #cut = false;

  push(chunk: Buffer): void {
    const all = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    this.#cut ||= all.length > maxBytes;
    // A copy, since a slice of the chunk would keep the whole chunk in memory.
    this.#kept = Buffer.from(all.subarray(-maxBytes));
  }

  /** The last lines, in order. If a line is longer than 16 KiB, only its end is kept. */
  get lines(): readonly string[] {
    const whole = this.#cut ? this.#kept.indexOf(newline) + 1 : 0;
    const from = whole < this.#kept.length ? whole : 0;
    const lines = this.#kept.toString('utf8', from).split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-maxLines);
  }
}
