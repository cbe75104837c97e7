import type { ComponentChildren, JSX } from 'preact';

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'calm';

/** A state in one or two words. The tone only repeats what the words say. */
export function Pill({
  tone,
  title,
  children,
}: {
  readonly tone: Tone;
  readonly title?: string | undefined;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <span class={`pill ${tone}`} title={title}>
      {children}
    </span>
  );
}

const tones: Readonly<Record<string, Tone>> = {
  ready: 'good',
  starting: 'info',
  desired: 'info',
  asleep: 'calm',
  lost: 'bad',
  draining: 'warn',
  drained: 'warn',
  ejected: 'warn',
  paused: 'warn',
  restarting: 'info',
  queued: 'info',
  running: 'info',
  done: 'good',
  failed: 'bad',
  cancelled: 'calm',
  expired: 'warn',
  pending: 'info',
  retrying: 'warn',
  delivered: 'good',
  gone: 'bad',
  blocked: 'bad',
  none: 'calm',
};

/** The state of a replica, a request or a callback. */
export function StatePill({
  state,
  title,
}: {
  readonly state: string;
  readonly title?: string | undefined;
}): JSX.Element {
  return (
    <Pill tone={tones[state] ?? 'calm'} title={title}>
      {state}
    </Pill>
  );
}

/** The status of an answer. */
export function StatusPill({ status }: { readonly status: number | null }): JSX.Element {
  if (status === null) return <span class="soft">–</span>;
  const tone = status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'good';
  return <Pill tone={tone}>{status}</Pill>;
}
