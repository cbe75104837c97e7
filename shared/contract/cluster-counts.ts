import type { EjectionCause } from './ejection.ts';

/**
 * Why a request was delivered once more. `crash`: its worker died while it ran. `stop`: its worker was ended
 * by ringpost or a shutdown. `not_started`: its worker died before it started. `orphaned`: a worker had
 * taken it, and none ran it. `lost`: Redis had lost it, or its replica was gone. `retry`: it asked for
 * another attempt.
 */
export const redeliveryCauses = ['crash', 'stop', 'not_started', 'orphaned', 'lost', 'retry'] as const;
export type RedeliveryCause = (typeof redeliveryCauses)[number];

/**
 * Why a replica lost its worker. `exit`: with another code than 0. `unloaded`: it could not load its
 * handler. `signal`: e.g. SIGKILL, also by the kernel if memory ran out. `lease`: its lease ran out: it
 * hung, or its host went silent. `late`: it was not ready in time. `unstarted`: it could not be started.
 * `left`: it ended by itself with code 0. `gone`: it was not there any more, and nobody saw why.
 */
export const deathReasons = [
  'exit',
  'unloaded',
  'signal',
  'lease',
  'late',
  'unstarted',
  'left',
  'gone',
] as const;
export type DeathReason = (typeof deathReasons)[number];

/** What is counted for all processes together. */
export type ClusterCount =
  | `redeliveries:${RedeliveryCause}`
  | `deaths:${DeathReason}`
  /** Requests that were running when their worker died unexpectedly. */
  | 'losses'
  /** Requests that are never run again since they killed their workers. */
  | 'convictions'
  /** Requests that waited since as many of their key ran as may. */
  | 'keyWaits'
  /** Queues that were adopted. */
  | 'adoptions'
  /** Changes of the number of replicas by autoscaling. */
  | 'autoscale:up'
  | 'autoscale:down'
  /** Kept streams that another run of their request went on with. */
  | 'resumes'
  /** Replicas that were ejected as outliers. */
  | `ejections:${EjectionCause}`
  /** Probes of ejected replicas that failed. */
  | 'failed_probes';

/** @returns the kind of a reason that is written for people, as a driver or the controller's plan has it. */
export function deathReasonOf(text: string | undefined): DeathReason {
  if (text === undefined) return 'gone';
  if (text === 'exited with code 0' || text === 'removed') return 'left';
  if (text === 'exited with code 78') return 'unloaded';
  if (/^exited with code \d+$/.test(text)) return 'exit';
  if (text.startsWith('killed by SIG')) return 'signal';
  if (text === 'its lease ran out') return 'lease';
  if (text.startsWith('not ready within')) return 'late';
  if (text.startsWith('could not be started')) return 'unstarted';
  if (text.startsWith('its ') || text.startsWith('exited with code')) return 'gone';
  // A worker that cannot load its handler says why in its own words.
  return 'unloaded';
}
