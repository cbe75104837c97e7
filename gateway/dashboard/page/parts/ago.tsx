import { useComputed } from '@preact/signals';
import type { JSX } from 'preact';
import { now } from '../data/clock.ts';
import { absolute, age, relative } from '../words/times.ts';
import { none } from '../words/numbers.ts';

interface Props {
  /** In ms since the epoch. */
  readonly at: number | null | undefined;
}

/** A time as seen from now, with the exact one as its title. Only its text changes each second. */
export function Ago({ at }: Props): JSX.Element {
  return at === null || at === undefined ? (
    <span class="soft">{none}</span>
  ) : (
    <Moment key={at} at={at} form={relative} />
  );
}

/** How long it has been since a time. */
export function Since({ at }: Props): JSX.Element {
  const form = (from: number, to: number): string => age(to - from);
  return at === null || at === undefined ? (
    <span class="soft">{none}</span>
  ) : (
    <Moment key={at} at={at} form={form} />
  );
}

/** How long it is until a time. */
export function Left({ at }: { readonly at: number }): JSX.Element {
  return <Moment key={at} at={at} form={(to, from) => age(to - from)} />;
}

function Moment({ at, form }: { at: number; form: (at: number, now: number) => string }): JSX.Element {
  const text = useComputed(() => form(at, now.value));
  return (
    <time class="nowrap" dateTime={new Date(at).toISOString()} title={absolute(at)}>
      {text}
    </time>
  );
}
