import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';

/** Resolves the addresses of a name, as `dns.lookup` does. */
export type Lookup = (name: string) => Promise<readonly LookupAddress[]>;

/**
 * Resolves names, with one lookup per name at a time. The resolver of the operating system blocks a thread
 * while it waits, and Node has two threads for it. Callbacks to one name whose DNS server does not answer
 * must not block both.
 */
export class NameLookups {
  readonly #lookup: Lookup;
  readonly #underWay = new Map<string, Promise<readonly LookupAddress[]>>();

  constructor(look: Lookup = (name) => lookup(name, { all: true })) {
    this.#lookup = look;
  }

  /** @throws the resolver's error, also for a name without addresses. */
  of(name: string): Promise<readonly LookupAddress[]> {
    const known = this.#underWay.get(name);
    if (known !== undefined) return known;
    const started = this.#lookup(name).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, started);
    return started;
  }
}
