import { createHmac, hkdfSync } from 'node:crypto';
import { Problem } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import type { GatewayConfig } from '../settings/config.ts';
import { sourcesText } from '../request/hash-key.ts';
import type { RingWatcher } from './ring-watcher.ts';

/** Settings by their names. All gateways of a namespace must have the same. */
export type AgreedSettings = ReadonlyMap<string, string>;

/** This gateway's settings differ from those of the other gateways. */
export class SettingsDifferError extends Error {
  override readonly name = 'SettingsDifferError';
}

/** The one setting whose value must not be shown. */
const secret = 'CALLER_SECRET';
const noSecret = 'unset';

/**
 * @returns the settings that decide which replica a key selects and which caller a request has, each in one
 * canonical spelling. Gateways that differ in them would send one key to two replicas, or run a request twice
 * under one idempotency key. The secret is represented by a check value, from which it cannot be computed.
 */
export function agreedSettings(
  config: Pick<GatewayConfig, 'hashKey' | 'callerKey' | 'callerSecret' | 'idempotencyScope' | 'namespace'>,
): AgreedSettings {
  return new Map([
    ['HASH_KEY', sourcesText(config.hashKey)],
    ['CALLER_KEY', sourcesText(config.callerKey)],
    ['IDEMPOTENCY_SCOPE', config.idempotencyScope],
    [
      secret,
      config.callerSecret === undefined ? noSecret : checkValue(config.callerSecret, config.namespace),
    ],
  ]);
}

/** The digests of callers have their own key, about which this value reveals nothing (RFC 5869 3.2). */
function checkValue(text: string, namespace: string): string {
  const key = Buffer.from(hkdfSync('sha256', text, namespace, 'ringpost settings check 1', 32));
  return createHmac('sha256', key).update('check').digest('base64url');
}

/** @returns the names of the settings that both sides have, with different values. */
export function differing(ours: AgreedSettings, agreed: AgreedSettings): string[] {
  return [...ours].flatMap(([name, value]) => {
    const other = agreed.get(name);
    return other === undefined || other === value ? [] : [name];
  });
}

export interface AgreementOptions {
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly ours: AgreedSettings;
  readonly log: Logger;
}

/**
 * Makes a gateway refuse requests unless its settings are those of all gateways, which the first gateway of a
 * namespace sets. They are read with the ring, so a change of them is noticed as soon as one of the ring.
 */
export class Agreement {
  readonly #options: AgreementOptions;
  #claimed = false;
  #differing: readonly string[] = [];

  constructor(options: AgreementOptions) {
    this.#options = options;
    options.watcher.onChange(() => this.#check());
  }

  /**
   * Makes this gateway's settings those of all gateways, or checks that they are.
   * @param replace whether the settings in Redis may be replaced.
   * @throws {SettingsDifferError} that names the differences and says what to do.
   */
  async claim(replace: boolean): Promise<void> {
    const { store, ours, log } = this.#options;
    const agreed = await store.claimSettings(ours, replace);
    const names = differing(ours, agreed);
    this.#claimed = replace || names.length === 0;
    if (names.length === 0) return;
    const phrases = names.map((name) => phrase(name, ours, agreed));
    if (replace) {
      log.warn({ changed: phrases }, 'the settings of all gateways were replaced by those of this one');
      return;
    }
    throw new SettingsDifferError(
      `This gateway's settings are not those that all gateways have (${phrases.join('; ')}). ` +
        'Use the same settings or another NAMESPACE. To change them, start one gateway with ' +
        'ALLOW_SETTINGS_CHANGE=yes: any others take no requests from then on, until they are started with ' +
        'the new settings.',
    );
  }

  /** Why this gateway accepts no requests; undefined if it does. */
  get refusal(): Problem | undefined {
    const names = this.#differing;
    if (names.length === 0) return undefined;
    const verb = names.length === 1 ? 'is no longer that' : 'are no longer those';
    return new Problem(
      'settings_differ',
      `${names.join(' and ')} of this gateway ${verb} of the others. Ask another gateway.`,
    );
  }

  #check(): void {
    const { watcher, ours, log } = this.#options;
    const { settings } = watcher.state;
    // The ring may be read before this gateway has claimed its settings.
    if (!this.#claimed) return;
    const before = this.#differing.length;
    if ([...ours.keys()].some((name) => !settings.has(name))) {
      // Redis has lost them. A gateway whose settings differed must not write them.
      if (before === 0) this.#restore();
      return;
    }
    const names = differing(ours, settings);
    this.#differing = names;
    if (names.length > 0 && names.length !== before) {
      const differ = names.map((name) => phrase(name, ours, settings));
      log.error({ differ }, 'this gateway takes no requests: its settings are no longer those of the others');
    }
    if (names.length === 0 && before > 0) log.warn({}, 'this gateway takes requests again');
  }

  #restore(): void {
    const { store, ours, log } = this.#options;
    store.claimSettings(ours, false).catch((error: unknown) => {
      log.warn({ err: error }, 'the settings of all gateways were not put back');
    });
  }
}

/** @returns how one setting differs, in words. */
function phrase(name: string, ours: AgreedSettings, agreed: AgreedSettings): string {
  const shown = (settings: AgreedSettings): string => {
    const value = settings.get(name) ?? '';
    if (name !== secret) return JSON.stringify(value);
    return value === noSecret ? 'unset' : 'a secret';
  };
  const both = [shown(ours), shown(agreed)] as const;
  if (name === secret && both[0] === both[1]) return `${name} is another secret here than in Redis`;
  return `${name} is ${both[0]} here, ${both[1]} in Redis`;
}
