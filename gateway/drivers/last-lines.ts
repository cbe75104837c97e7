/** What is kept of a worker's stderr. */
export const mostLines = 20;
const mostBytes = 4096;

const newline = 0x0a;

/** Keeps the end of a stream of text: 20 lines and 4 KiB at most, however much is written. */
export class LastLines {
  #kept = Buffer.alloc(0);
  /** The first line that is kept has lost its beginning. */
  #cut = false;

  push(chunk: Buffer): void {
    const all = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    this.#cut ||= all.length > mostBytes;
    // A copy: a part of the chunk would keep all of it.
    this.#kept = Buffer.from(all.subarray(-mostBytes));
  }

  /** The last lines, the latest last. A line of more than 4 KiB is there with its end. */
  get lines(): readonly string[] {
    const whole = this.#cut ? this.#kept.indexOf(newline) + 1 : 0;
    const from = whole < this.#kept.length ? whole : 0;
    const lines = this.#kept.toString('utf8', from).split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-mostLines);
  }
}
