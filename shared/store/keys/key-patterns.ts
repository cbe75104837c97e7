import { createKeys } from './keys.ts';

/**
 * @param namespace must not have characters with a meaning in Redis patterns.
 * @returns patterns that match all keys of replicas, callbacks, dead letters, lines, counts and
 * announcements, and no key of the ring. Redis patterns cannot exclude, so five patterns together match every
 * name except `ring`.
 */
export function keyPatternsBesideRing(namespace: string): readonly string[] {
  const keys = createKeys(namespace);
  const names = ['[a-qs-zA-Z0-9]', 'r[^i]', 'ri[^n]', 'rin[^g]', 'ring[^}]'];
  return [
    ...names.map((start) => `${namespace}:{${start}*`),
    keys.bullMq(keys.callbacks, '*'),
    keys.deadLetters.replace(/[^:]*$/, '*'),
    keys.line('').replace(/\{\}$/, '*'),
    keys.counts,
    keys.announcements.replace(/[^:]*$/, '*'),
  ];
}
