/**
 * What ends a token or an unquoted value. A colon does not: proxies send addresses with a port without
 * quotes.
 */
const delimiter = /[ \t;,="]/;
const space = /[ \t]/;

/**
 * Reads the elements of `Forwarded` (RFC 7239 4). Each character is read once, whatever the field contains.
 */
export class ForwardedParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /**
   * @returns the value of `for` of each element in order, without quotes; empty if an element has none.
   * Undefined if the text is not such a field, since it is not clear then where an element ends.
   */
  parse(): string[] | undefined {
    return this.elements()?.map((element) => element.get('for') ?? '');
  }

  /**
   * @returns the pairs of each element in order, with names in lower case; undefined as for {@link parse}.
   */
  elements(): ReadonlyMap<string, string>[] | undefined {
    const found: ReadonlyMap<string, string>[] = [];
    while (this.#at < this.#text.length) {
      this.#skipSpace();
      if (this.#text[this.#at] !== ',' && this.#at < this.#text.length) {
        const element = this.#element();
        if (element === undefined) return undefined;
        found.push(element);
      }
      this.#at += 1;
    }
    return found;
  }

  /** @returns the pairs up to the next comma; undefined if one is not a pair, or if a name comes twice. */
  #element(): Map<string, string> | undefined {
    const pairs = new Map<string, string>();
    for (;;) {
      this.#skipSpace();
      const name = this.#token().toLowerCase();
      if (name === '' || pairs.has(name) || this.#text[this.#at] !== '=') return undefined;
      this.#at += 1;
      const value = this.#text[this.#at] === '"' ? this.#quoted() : this.#token();
      if (value === undefined) return undefined;
      pairs.set(name, value);
      this.#skipSpace();
      const next = this.#text[this.#at];
      if (next === undefined || next === ',') return pairs;
      if (next !== ';') return undefined;
      this.#at += 1;
    }
  }

  #skipSpace(): void {
    while (space.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #token(): string {
    const from = this.#at;
    while (this.#at < this.#text.length && !delimiter.test(this.#text[this.#at] ?? '')) this.#at += 1;
    return this.#text.slice(from, this.#at);
  }

  /** @returns the quoted string that starts here, without its escapes; undefined if it has no end. */
  #quoted(): string | undefined {
    const parts: string[] = [];
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      let character = this.#text[this.#at] ?? '';
      if (character === '"') {
        this.#at += 1;
        return parts.join('');
      }
      if (character === '\\') {
        this.#at += 1;
        character = this.#text[this.#at] ?? '';
      }
      parts.push(character);
    }
    return undefined;
  }
}
