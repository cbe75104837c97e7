import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { DashboardSessions } from '#shared/store/records/dashboard-sessions.ts';
import { isSame } from './tokens.ts';
import type { AdminSettings } from './admin-settings.ts';
import type { Token } from './tokens.ts';

/** Somebody who is signed in to the dashboard. */
export interface Session {
  /** The value of the cookie. */
  readonly id: string;
  /** What the token of the session opens: everything, or metadata for reading. */
  readonly role: 'admin' | 'view';
  /** The name of the token. */
  readonly name: string;
  /** The value of the header `Ringpost-Csrf`, which changes need. */
  readonly csrf: string;
}

export interface SessionsOptions {
  readonly store: DashboardSessions;
  readonly settings: Pick<AdminSettings, 'tokens' | 'viewTokens'>;
  /** @returns Redis time. */
  readonly now: () => number;
}

/** A session ends after this time in ms, and earlier if it is not used. */
export const sessionMs = 12 * 3_600_000;
const idleMs = 3_600_000;
/** While a session is used, its end is moved at most once in this time, in ms. */
const extendAfterMs = 60_000;
const maxNoted = 1000;
/** 32 bytes in base64url. */
const idForm = /^[\w-]{43}$/;

/**
 * The sessions of the dashboard. Each has a random id, which only the browser keeps. Redis has the digest of
 * it, and a proof of the token with which the session began: if a gateway no longer has that token, the
 * session is over.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  /** When sessions were extended last, in Redis time, by digest. */
  readonly #extended = new Map<string, number>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Begins a session. @param token one of the configured tokens. */
  async begin(token: Token): Promise<Session> {
    const { store, now } = this.#options;
    const id = randomBytes(32).toString('base64url');
    await store.begin(digestOf(id), { proof: proofOf(id, token), until: now() + sessionMs }, idleMs);
    return this.#sessionOf(id, token);
  }

  /** @param id what a cookie contains. @returns its session; undefined if that is over or never was. */
  async find(id: string): Promise<Session | undefined> {
    if (!idForm.test(id)) return undefined;
    const digest = digestOf(id);
    const { store, settings, now } = this.#options;
    const stored = await store.read(digest);
    if (stored === undefined) return undefined;
    const tokens = [...settings.tokens, ...settings.viewTokens];
    const token = tokens.find((each) => isSame(stored.proof, proofOf(id, each)));
    const left = stored.until - now();
    if (token === undefined || left <= 0) return undefined;
    if (now() - (this.#extended.get(digest) ?? 0) > extendAfterMs) {
      if (this.#extended.size >= maxNoted) this.#extended.clear();
      this.#extended.set(digest, now());
      await store.extend(digest, Math.min(idleMs, left));
    }
    return this.#sessionOf(id, token);
  }

  /** Ends a session, for all gateways. */
  async end({ id }: Session): Promise<void> {
    await this.#options.store.end(digestOf(id));
  }

  #sessionOf(id: string, token: Token): Session {
    const role = this.#options.settings.tokens.includes(token) ? 'admin' : 'view';
    return { id, role, name: token.name, csrf: keyed(id, 'csrf') };
  }
}

function digestOf(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}

/** The id is the key, so Redis has nothing from which a short token could be guessed. */
function proofOf(id: string, { digest }: Token): string {
  return keyed(id, `token ${digest.toString('hex')}`);
}

function keyed(id: string, text: string): string {
  return createHmac('sha256', id).update(text).digest('base64url');
}
