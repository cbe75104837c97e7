import type { Wish } from '../scripts/ring.ts';

/** The wish to replace the worker of a replica. */
export interface Restart {
  /** Workers of this generation and of older ones are to be replaced. */
  readonly generation: number;
  /** Whether the replica has to wait until all replicas are ready, as in a restart of all. */
  readonly rolling: boolean;
}

/** A change of what operators ask of a desired replica. They can only end an ejection. */
export type HoldChange =
  /** `at` is in ms since the epoch; null: the replica may be in the ring again. */
  | { readonly kind: 'drain'; readonly name: string; readonly at: number | null }
  | { readonly kind: 'restart'; readonly name: string; readonly restart: Restart | null }
  | { readonly kind: 'ejection'; readonly name: string };

/** @returns a change as it is written to Redis. */
export function wishOf(change: HoldChange): Wish {
  const { kind, name } = change;
  if (kind === 'ejection') return { kind, name, value: '' };
  if (kind === 'drain') return { kind, name, value: change.at === null ? '' : String(change.at) };
  return { kind, name, value: change.restart === null ? '' : restartText(change.restart) };
}

/** @returns what {@link parseRestart} reads. */
export function restartText({ generation, rolling }: Restart): string {
  return rolling ? `${generation} rolling` : String(generation);
}

/** @returns undefined if `text` is no restart. */
export function parseRestart(text: string): Restart | undefined {
  const [, generation, rolling] = /^(\d{1,16})( rolling)?$/.exec(text) ?? [];
  return generation === undefined
    ? undefined
    : { generation: Number(generation), rolling: rolling !== undefined };
}
