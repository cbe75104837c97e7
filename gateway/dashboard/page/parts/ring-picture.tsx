import type { JSX } from 'preact';
import type { OverviewView } from '#shared/contract/api/overview.ts';
import { goTo, hrefOf } from '../data/route.ts';
import { share as shareText } from '../words/numbers.ts';
import { byName, colourOf } from './replica-colours.ts';

/** A part of the ring. */
export interface RingPart {
  readonly name: string;
  /** From 0 to 1. */
  readonly share: number;
  readonly isReady: boolean;
}

/** @returns the parts of the replicas in the ring, by name. */
export function ringParts(replicas: OverviewView['replicas']): readonly RingPart[] {
  return replicas
    .filter(({ inRing }) => inRing)
    .toSorted((one, other) => byName(one.name, other.name))
    .map(({ name, share, state }) => ({ name, share, isReady: state === 'ready' || state === 'asleep' }));
}

interface Props {
  readonly parts: readonly RingPart[];
  /** In the middle: a large line, and a small one under it. */
  readonly middle: readonly [string, string];
  /** A replica to point out. */
  readonly marked?: string | null;
}

const centre = 110;
const radius = 92;
const thickness = 20;
/** More labels than this would cover each other. */
const maxLabels = 8;
const minLabelShare = 0.045;

/** The shares of the replicas in the ring. What it shows is in its text too, for those who cannot see it. */
export function RingPicture({ parts, middle, marked = null }: Props): JSX.Element {
  const gap = parts.length > 1 ? Math.min(1.2, 90 / parts.length) : 0;
  const [large, small] = middle;
  const text = parts
    .map(({ name, share, isReady }) => `${name} ${shareText(share)}${isReady ? '' : ', not ready'}`)
    .join('; ');
  let angle = -90;
  return (
    <svg class="ring" viewBox="0 0 220 220" role="img" aria-label={`Shares of the ring: ${text || 'none'}`}>
      {parts.length === 0 && <circle class="ring-empty" cx={centre} cy={centre} r={radius} />}
      {parts.map((part) => {
        const from = angle;
        angle += part.share * 360;
        return (
          <Arc
            key={part.name}
            part={part}
            from={from + gap / 2}
            to={angle - gap / 2}
            isMarked={part.name === marked}
          />
        );
      })}
      {parts.length <= maxLabels && <Labels parts={parts} />}
      <text class="ring-large" x={centre} y={centre + 2}>
        {large}
      </text>
      <text class="ring-small" x={centre} y={centre + 20}>
        {small}
      </text>
    </svg>
  );
}

function Arc({
  part: { name, share, isReady },
  from,
  to,
  isMarked,
}: {
  readonly part: RingPart;
  readonly from: number;
  readonly to: number;
  readonly isMarked: boolean;
}): JSX.Element {
  // A whole circle has no two ends, which the path of an arc needs.
  const end = Math.min(Math.max(to, from + 0.4), from + 359.99);
  const [x1, y1] = at(from, radius);
  const [x2, y2] = at(end, radius);
  return (
    // A short cut for the mouse: the names in the table are links.
    <g class="part" onClick={() => goTo(hrefOf(['replicas', name]))}>
      <path
        class={`arc${isReady ? '' : ' unready'}${isMarked ? ' marked' : ''}`}
        d={`M${x1} ${y1}A${radius} ${radius} 0 ${end - from > 180 ? 1 : 0} 1 ${x2} ${y2}`}
        style={{ stroke: colourOf(name) }}
        stroke-width={isMarked ? thickness + 8 : thickness}
      >
        <title>{`${name}: ${shareText(share)}${isReady ? '' : ', not ready'}`}</title>
      </path>
    </g>
  );
}

function Labels({ parts }: { readonly parts: readonly RingPart[] }): JSX.Element {
  let angle = -90;
  return (
    <g aria-hidden="true">
      {parts.map(({ name, share }) => {
        const middle = angle + share * 180;
        angle += share * 360;
        if (share < minLabelShare || name.length > 6) return null;
        const [x, y] = at(middle, radius - 27);
        return (
          <text key={name} class="ring-label" x={x} y={y + 4}>
            {name}
          </text>
        );
      })}
    </g>
  );
}

/** @returns a point of the picture, with two decimals. */
function at(degrees: number, distance: number): readonly [number, number] {
  const angle = (degrees * Math.PI) / 180;
  const round = (value: number): number => Math.round(value * 100) / 100;
  return [round(centre + distance * Math.cos(angle)), round(centre + distance * Math.sin(angle))];
}
