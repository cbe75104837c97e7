import { computed } from '@preact/signals';
import { overview } from '../data/stream.ts';

/** Names with their numbers in order: S2 before S10. */
export const byName = new Intl.Collator('en', { numeric: true }).compare;

/** Hues that are told apart easily, for the first replicas. The golden angle gives the others. */
const firstHues = [255, 185, 65, 320, 145, 25, 285, 105];

const places = computed(() => {
  const { replicas = [], retired = [] } = overview.value ?? {};
  const names = [...replicas, ...retired].map(({ name }) => name).toSorted(byName);
  return new Map(names.map((name, place) => [name, place]));
});

/** @returns the colour of a replica in all pictures and lists, for CSS. */
export function colourOf(replica: string): string {
  const place = places.value.get(replica);
  if (place === undefined) return 'var(--soft)';
  const hue = firstHues[place] ?? (place * 137.5 + 255) % 360;
  return `light-dark(oklch(62% 0.145 ${hue}), oklch(70% 0.125 ${hue}))`;
}
