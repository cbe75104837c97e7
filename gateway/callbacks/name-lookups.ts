import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';

/** Finds the addresses of a name, as `dns.lookup` does. */
export type Lookup = (name: string) => Promise<readonly LookupAddress[]>;

/**
 * Looks names up, each once at a time. The operating system's resolver blocks a thread for as long as it waits, and Node
 * has two for it: callbacks to one name whose DNS server does not answer must not take both.
 */
export class NameLookups {
  readonly #lookup: Lookup;
  readonly #underWay = new Map<string, Promise<readonly LookupAddress[]>>();

  constructor(look: Lookup = (name) => lookup(name, { all: true })) {
    this.#lookup = look;
  }

  /** @throws what the resolver says, of a name without addresses too. */
  of(name: string): Promise<readonly LookupAddress[]> {
    const known = this.#underWay.get(name);
    if (known !== undefined) return known;
    const begun = this.#lookup(name).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, begun);
    return begun;
  }
}
