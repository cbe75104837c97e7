const tokenCharacter = /[!#$%&'*+.^_`|~0-9A-Za-z-]/;
const space = /[ \t]/;

/**
 * Reads the preferences of a `Prefer` field (RFC 7240 2). Each character is read once, whatever the field
 * contains. Parameters of a preference are skipped, and so is anything that is not a preference, up to the
 * next comma.
 */
export class PreferParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** @returns each preference in order: its name in lower case, and its value, empty if it has none. */
  parse(): [name: string, value: string][] {
    const found: [string, string][] = [];
    while (this.#at < this.#text.length) {
      const preference = this.#preference();
      if (preference !== undefined) found.push(preference);
      this.#skipToComma();
      this.#at += 1;
    }
    return found;
  }

  #preference(): [string, string] | undefined {
    this.#skip(space);
    const name = this.#skip(tokenCharacter).toLowerCase();
    this.#skip(space);
    let value: string | undefined = '';
    if (this.#text[this.#at] === '=') {
      this.#at += 1;
      this.#skip(space);
      value = this.#text[this.#at] === '"' ? this.#quoted() : this.#skip(/[^ \t;,"]/);
      this.#skip(space);
    }
    const next = this.#text[this.#at];
    const ends = next === undefined || next === ',' || next === ';';
    return name !== '' && value !== undefined && ends ? [name, value] : undefined;
  }

  /** @returns the skipped characters. */
  #skip(kind: RegExp): string {
    const from = this.#at;
    while (this.#at < this.#text.length && kind.test(this.#text[this.#at] ?? '')) this.#at += 1;
    return this.#text.slice(from, this.#at);
  }

  /** @returns the quoted string that starts here, without its escapes; undefined if it has no end. */
  #quoted(): string | undefined {
    const parts: string[] = [];
    this.#at += 1;
    while (this.#at < this.#text.length) {
      let character = this.#text[this.#at] ?? '';
      this.#at += 1;
      if (character === '"') return parts.join('');
      if (character === '\\') {
        character = this.#text[this.#at] ?? '';
        this.#at += 1;
      }
      parts.push(character);
    }
    return undefined;
  }

  /** Skips the rest of a preference. A comma between quotes is part of it. */
  #skipToComma(): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== ',') {
      if (this.#text[this.#at] === '"') this.#quoted();
      else this.#at += 1;
    }
  }
}
