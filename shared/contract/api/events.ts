import type { OverviewView, SampleView } from './overview.ts';
import type { LiveRequestView } from './requests.ts';

/**
 * The events of `GET /-/api/events?topics=overview,live` (`text/event-stream`). `overview` comes at once and
 * then every two seconds or when the ring changes; `sample` with each new sample; `live` at most four times a
 * second, with the requests that ended since the last one.
 */
export interface ApiEvents {
  readonly overview: OverviewView;
  readonly sample: SampleView;
  readonly live: { readonly requests: readonly LiveRequestView[]; readonly left: number };
}
