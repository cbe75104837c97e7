import type { LeaseState } from '#shared/contract/lease.ts';
import type { SharedLease } from './replica-lease.ts';

/** What the main thread starts the lease thread with. */
export interface LeaseThreadData {
  readonly redisUrl: string;
  readonly namespace: string;
  /** The worker's own replica and generation. */
  readonly replica: string;
  readonly generation: number;
  /** The TTL of the leases in ms; they are renewed three times as often. */
  readonly leaseMs: number;
  /** Time in ms for which the main thread's event loop may be stalled. */
  readonly handlerStallMs: number;
  /** Whether this process ends its own lease, because no driver sees its death. */
  readonly endsLease: boolean;
  /** Whether this process is a program that goes on without the worker. */
  readonly hosted?: boolean | undefined;
  readonly healthFile: string | undefined;
  readonly logLevel: string;
  /** Folder of the protocol trace. */
  readonly protocolTrace: string | undefined;
  /** An `Int32Array` with one count, which the main thread raises while its event loop turns. */
  readonly turns: SharedArrayBuffer;
  /** A `SharedSkew`, which the main thread measures. */
  readonly skew: SharedArrayBuffer;
  /** A `SharedNumbers`, which the main thread measures. */
  readonly numbers: SharedArrayBuffer;
  /** A `SharedAnswers`, in which the main thread counts. */
  readonly answers: SharedArrayBuffer;
}

/** From the main thread to the lease thread. */
export type ToLeaseThread =
  /** Renew this lease from now on. */
  | { readonly do: 'keep'; readonly lease: SharedLease; readonly state: LeaseState }
  /** Renew it now, and with this state from now on; answered by `renewed` or `refused`. */
  | { readonly do: 'renew'; readonly call: number; readonly replica: string; readonly state: LeaseState }
  /** Stop renewing it; answered by `released` once no renewal of it is in progress. */
  | { readonly do: 'release'; readonly call: number; readonly replica: string }
  /** Close the connection; the thread ends. */
  | { readonly do: 'stop' };

/** From the lease thread to the main thread. */
export type FromLeaseThread =
  | { readonly is: 'ready' }
  | { readonly is: 'renewed'; readonly call: number; readonly ours: boolean }
  | { readonly is: 'refused'; readonly call: number; readonly name: string; readonly message: string }
  | { readonly is: 'released'; readonly call: number }
  /** Another worker has taken this lease; it is no longer renewed. */
  | { readonly is: 'superseded'; readonly replica: string }
  /** The event loop was stalled, and the registrations of the consumers were withdrawn. */
  | { readonly is: 'withdrawn' };
