import { isSecretField, redactionOf } from '#shared/contract/redaction.ts';
import type { HotKeysView, HotKeyView } from '#shared/contract/api/system.ts';
import { keyDigest } from '#shared/ring/key-digest.ts';
import { shownKey } from '#shared/ring/key-text.ts';
import type { EndedRequest, EndedRequestHub } from '../http/ended-request.ts';
import type { HashKeySource } from '../request/hash-key.ts';
import { HotKeys } from './hot-keys.ts';
import type { HotKey } from './hot-keys.ts';

/** Keys that are shown. */
const maxShown = 20;
/** For how long keys are counted after somebody has asked for them, in ms. */
const lingerMs = 600_000;

/**
 * Counts the keys of this gateway's requests while somebody looks at them: from the first question until ten
 * minutes after the last one. A plain request costs nothing before.
 */
export class KeyCounter {
  readonly #hub: EndedRequestHub;
  readonly #isSecret: boolean;
  #counting: { readonly keys: HotKeys; readonly end: () => void } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param isSecret whether keys may be credentials, and must not be shown. */
  constructor(hub: EndedRequestHub, isSecret: boolean) {
    this.#hub = hub;
    this.#isSecret = isSecret;
  }

  /** @param onlyViews the caller may see metadata only: it sees the digests of keys. */
  view(onlyViews: boolean): HotKeysView {
    const now = performance.now();
    const keys = this.#ask();
    const { requests, windowMs } = keys.counted(now);
    const top = keys.top(maxShown, now);
    return { windowMs, requests, keys: top.map((key) => this.#shown(key, requests, onlyViews)) };
  }

  /** @returns the counts of a key; null if it is not among the most frequent ones. */
  of(key: string, onlyViews: boolean): HotKeyView | null {
    const keys = this.#ask();
    const found = keys.of(key);
    const { requests } = keys.counted(performance.now());
    return found === undefined ? null : this.#shown(found, requests, onlyViews);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#counting?.end();
    this.#counting = undefined;
  }

  #ask(): HotKeys {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.stop(), lingerMs);
    this.#counting ??= this.#begin();
    return this.#counting.keys;
  }

  #begin(): { readonly keys: HotKeys; readonly end: () => void } {
    const keys = new HotKeys(performance.now());
    const ended = ({ key, replica }: EndedRequest): void => {
      if (key !== undefined && replica !== undefined) keys.count(key, replica, performance.now());
    };
    return { keys, end: this.#hub.add({ ended }) };
  }

  #shown({ key, owner, count }: HotKey, requests: number, onlyViews: boolean): HotKeyView {
    return {
      digest: keyDigest(key),
      key: onlyViews || this.#isSecret ? null : shownKey(key),
      owner,
      count,
      share: requests === 0 ? 0 : Math.min(1, count / requests),
    };
  }
}

/**
 * @param redactHeaders the setting `REDACT_HEADERS`.
 * @returns whether hash keys may be credentials: cookies, and header fields and parameters named like them.
 * Which source a key came from is not known, so one such source is enough.
 */
export function mayBeCredentials(
  sources: readonly HashKeySource[],
  redactHeaders: string | undefined,
): boolean {
  const redaction = redactionOf(redactHeaders, undefined);
  return sources.some((source) => {
    if (source.kind === 'cookie') return true;
    return (source.kind === 'header' || source.kind === 'query') && isSecretField(source.name, redaction);
  });
}
