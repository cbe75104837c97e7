import type { JSX } from 'preact';
import type { TimelineEventView, TimelineKind } from '#shared/contract/api/requests.ts';
import type { Tone } from '../parts/pill.tsx';
import { Empty } from '../parts/note.tsx';
import { duration } from '../words/numbers.ts';
import { absolute, timeOfDay } from '../words/times.ts';

const tones: Readonly<Partial<Record<TimelineKind, Tone>>> = {
  begun: 'info',
  lost: 'bad',
  retried: 'warn',
  adopted: 'warn',
  ended: 'good',
  replied: 'good',
  cancelled: 'warn',
  expired: 'bad',
};

/** What happened to a request, the oldest first, with the time since the event before. */
export function Timeline({ events }: { readonly events: readonly TimelineEventView[] }): JSX.Element {
  const [first] = events;
  if (first === undefined) return <Empty title="Nothing is known of what happened to it." />;
  return (
    <ol class="timeline">
      {events.map(({ at, kind, attempt, worker, text }, place) => {
        const before = events[place - 1]?.at;
        return (
          <li key={`${at} ${kind} ${place}`} class={tones[kind] ?? 'calm'}>
            <time class="soft" dateTime={new Date(at).toISOString()} title={absolute(at)}>
              {place === 0 ? timeOfDay(at).slice(0, 8) : `+${duration(at - first.at)}`}
            </time>
            <div>
              <p>
                <strong>{kind}</strong>
                {attempt !== null && attempt > 1 && <span class="tag">attempt {attempt}</span>}
                {worker !== null && <span class="tag">{worker}</span>}
                {before !== undefined && at - before >= 1 && (
                  <span class="soft after"> after {duration(at - before)}</span>
                )}
              </p>
              <p>{text}</p>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
