import { Measured } from '../measured.ts';
import type { Sample } from '../sample.ts';
import { isLarge, requestKinds, requestNames } from '../workload/requests.ts';
import type { RequestName } from '../workload/requests.ts';
import { paragraphs } from './table.ts';

/** All samples of one kind of request. */
export interface MeasuredKind {
  readonly name: RequestName;
  readonly title: string;
  readonly bodyBytes: number;
  readonly samples: readonly Sample[];
  readonly measured: Measured;
}

/** @returns the kinds of request that were measured: first those with the smaller bodies, POST before GET. */
export function measuredKinds(samples: readonly Sample[]): MeasuredKind[] {
  return requestNames
    .toSorted((a, b) => Number(a === 'get') - Number(b === 'get'))
    .flatMap((name) => {
      const own = samples.filter(({ request }) => request === name);
      const { title, bodyBytes } = requestKinds[name];
      return own.length === 0 ? [] : [{ name, title, bodyBytes, samples: own, measured: new Measured(own) }];
    });
}

/** @returns whether it belongs to the tables with all systems; large bodies have a section of their own. */
export const isMain = (kind: MeasuredKind): boolean => !isLarge(kind);

/** @returns a part of a section for each kind, with a heading if there are several. */
export function forEachKind(kinds: readonly MeasuredKind[], part: (kind: MeasuredKind) => string): string {
  return paragraphs(
    ...kinds.map((kind) => {
      const text = part(kind);
      return text === '' ? '' : paragraphs(kinds.length > 1 ? `### ${kind.title}` : '', text);
    }),
  );
}
