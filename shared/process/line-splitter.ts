/** A longer line is split, so that no line needs more memory. */
export const maxLineBytes = 8192;

const newline = 0x0a;

/** Splits a stream of UTF-8 text into lines, which have no line break at their end. */
export class LineSplitter {
  /** The beginning of a line whose end has not come. */
  #rest = Buffer.alloc(0);

  /** @returns the lines that a chunk completes, and parts of a line that is too long. */
  push(chunk: Buffer): string[] {
    let text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const lines: string[] = [];
    for (;;) {
      const end = text.indexOf(newline);
      const length = end === -1 ? text.length : end;
      if (length > maxLineBytes) {
        const cut = characterStart(text, maxLineBytes);
        lines.push(text.toString('utf8', 0, cut));
        text = text.subarray(cut);
      } else if (end === -1) {
        break;
      } else {
        lines.push(withoutReturn(text.toString('utf8', 0, end)));
        text = text.subarray(end + 1);
      }
    }
    // A copy, since a slice of the chunk would keep the whole chunk in memory.
    this.#rest = Buffer.from(text);
    return lines;
  }

  /** @returns the last line, if the text does not end with a line break. */
  end(): string[] {
    const rest = this.#rest.toString('utf8');
    this.#rest = Buffer.alloc(0);
    return rest === '' ? [] : [withoutReturn(rest)];
  }
}

/** @returns the start of the character that a position is in; the position itself for no valid UTF-8. */
function characterStart(text: Buffer, position: number): number {
  for (let at = position; at > position - 4; at -= 1) if (((text[at] ?? 0) & 0xc0) !== 0x80) return at;
  return position;
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
