import type { KeyLoadsView } from '../ring-view.ts';

/** A process with a gateway, a controller or both, in the answer to `GET /-/api/gateways`. */
export interface GatewayView {
  readonly name: string;
  readonly role: 'gateway' | 'controller' | 'both';
  readonly leads: boolean;
  /** Where it listens, e.g. `http://10.0.0.7:5000`; null for a controller. */
  readonly address: string | null;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** When it started and when it last reported, in ms since the epoch. */
  readonly since: number;
  readonly at: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly eventLoopLagMs: number;
  readonly inFlight: number;
  readonly heldBytes: number;
  readonly requestsPerS: number;
}

export interface GatewaysView {
  readonly gateways: readonly GatewayView[];
}

/** A setting in force, in the answer to `GET /-/api/settings`. */
export interface SettingView {
  readonly name: string;
  /** As text; null if it is unset. For a secret that is set it is null too, and `secret` is true. */
  readonly value: string | null;
  readonly secret: boolean;
  /** Where the value is from, e.g. `environment`, `file ringpost.config.ts`, `default`. */
  readonly source: string;
  readonly default: string | null;
  readonly help: string;
}

export interface SettingsView {
  readonly settings: readonly SettingView[];
}

/**
 * The answer to `GET /-/api/plan?add=S4&weight=S1:2&rm=S2&drain=S3`: what would move. Each parameter may be
 * repeated; `add=S4:2` is a replica of the weight 2, `add=*` one whose name ringpost chooses. Nothing
 * changes.
 */
export interface PlanView {
  readonly add: readonly string[];
  /** The weights that replicas get, by name; those of added ones only if they are not 1. */
  readonly weights: Readonly<Record<string, number>>;
  readonly rm: readonly string[];
  readonly drain: readonly string[];
  /** The part of all keys that gets another owner, from 0 to 1. */
  readonly movedShare: number;
  /** Requests that wait at replicas that leave; they stay there until they are done. */
  readonly waiting: number;
  readonly running: number;
  /** Lines of ordered keys at replicas that leave. */
  readonly lines: number;
  readonly replicas: readonly {
    readonly name: string;
    readonly shareBefore: number;
    readonly shareAfter: number;
  }[];
  /** In words, one sentence each, for the question before the action. */
  readonly notes: readonly string[];
}

/** The answer to `GET /-/api/key?key=…`. `key` is as in `/-/ring?key=`. */
export interface ApiKeyView {
  readonly key: string;
  readonly digest: string;
  readonly position: number | null;
  /** Null if the ring is empty. */
  readonly owner: string | null;
  readonly virtualNode: {
    readonly name: string;
    readonly index: number;
    readonly position: number;
  } | null;
  readonly successors: readonly string[];
  /** Where its requests go if they may spill; null if the ring is empty. */
  readonly loads: KeyLoadsView | null;
  /** Requests in the key's line (`Ringpost-Order: key`); null if it has none. */
  readonly line: number | null;
  /** Its requests that are limited in number (`KEY_CONCURRENCY`); null if there are none. */
  readonly requests: { readonly running: number; readonly waiting: number } | null;
  /** Requests counted for it lately; null if it is not among the most frequent keys. */
  readonly hot: HotKeyView | null;
}

/** A key among the most frequent, in the answer to `GET /-/api/hot-keys`. Counts are upper bounds. */
export interface HotKeyView {
  readonly digest: string;
  /** The key; null for a viewer, and for keys that may be credentials. */
  readonly key: string | null;
  readonly owner: string | null;
  readonly count: number;
  /** Its part of the requests that were counted, from 0 to 1. */
  readonly share: number;
}

export interface HotKeysView {
  /** Time that the counts are for, in ms. */
  readonly windowMs: number;
  readonly requests: number;
  readonly keys: readonly HotKeyView[];
}
