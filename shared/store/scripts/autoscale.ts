import { script } from './script.ts';
import type { LeaderChange } from './ring.ts';

/** Notes what autoscaling may do and has decided; without fields, forgets that. A stop stays. */
export const noteAutoscale = script<
  { token: string; fields: readonly (readonly [name: string, value: string])[] },
  LeaderChange
>({
  file: 'note-autoscale',
  keys: ({ autoscale, leader }) => [autoscale, leader],
  args: ({ token, fields }) => [token, ...fields.flat()],
  decode: (reply) => (reply === 1 ? 'changed' : 'deposed'),
});

/** Stops autoscaling, or lets it go on. The result is false if no leading controller has `AUTOSCALE`. */
export const stopAutoscale = script<{ stop: string | undefined }, boolean>({
  file: 'stop-autoscale',
  keys: ({ autoscale }) => [autoscale],
  args: ({ stop }) => [stop ?? ''],
  decode: (reply) => reply === 1,
});
