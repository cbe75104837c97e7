import type { JSX } from 'preact';

/** Paths on a grid of 16 × 16, drawn with a line. */
const paths = {
  overview: 'M8 2a6 6 0 1 1-5.2 9M8 2v3M2.8 11l2.6-1.500',
  requests: 'M2 4h9m-2.500-2.500L11 4 8.500 6.500M14 12H5m2.500-2.500L5 12l2.500 2.500',
  keys: 'M9.500 6.500a3.250 3.250 0 1 0-2-2L2.500 9.500v4h3v-2h2v-2l2-3ZM11.200 4.800h.010',
  'dead-letters': 'M2 4.500h12v8.500H2zM2 5l6 4.500L14 5',
  callbacks: 'M6 10 2.500 6.500 6 3M2.500 6.500h7a4 4 0 0 1 4 4V13',
  gateways: 'M2.500 2.500h11v4.500h-11zM2.500 9h11v4.500h-11zM5 4.750h.010M5 11.250h.010',
  settings: 'M2 4.500h6m3 0h3M2 11.500h3m3 0h6M9.500 3v3M6.500 10v3',
  api: 'M5.500 4 2 8l3.500 4M10.500 4 14 8l-3.500 4',
  more: 'M3.500 8h.010M8 8h.010M12.500 8h.010',
  copy: 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3',
  plus: 'M8 3v10M3 8h10',
  pause: 'M5.500 3.500v9M10.500 3.500v9',
  play: 'M5 3l7.500 5L5 13z',
  good: 'm3 8.500 3.500 3.500L13 4.500',
  error: 'M8 4.500v4.500M8 11.500h.010M8 1.750a6.250 6.250 0 1 1 0 12.500 6.250 6.250 0 0 1 0-12.500Z',
  warning: 'M8 6v3.500M8 11.800h.010M8 2 1.500 13.500h13z',
  notice: 'M8 7.500v4M8 4.800h.010M8 1.750a6.250 6.250 0 1 1 0 12.500 6.250 6.250 0 0 1 0-12.500Z',
} as const;

export type IconName = keyof typeof paths;

/** A picture that says nothing more than the text beside it. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
