import { keyDigest } from '#shared/ring/key-digest.ts';

/** How many are remembered. */
const limit = 1000;
/** Longer keys are not remembered: their memory is worth more than the hash. */
const longest = 200;

/** The digests of keys that came lately. Most keys come again soon, and a hash costs more than a look-up. */
export class RecentDigests {
  readonly #digests = new Map<string, string>();

  of(key: string): string {
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    const digest = keyDigest(key);
    if (key.length > longest) return digest;
    if (this.#digests.size >= limit) this.#digests.clear();
    this.#digests.set(key, digest);
    return digest;
  }
}
