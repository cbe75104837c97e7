import { batch, effect, signal } from '@preact/signals';
import type { ApiEvents } from '#shared/contract/api/events.ts';
import type { OverviewView, SampleView, SamplesView } from '#shared/contract/api/overview.ts';
import { call } from './call.ts';
import { setClock } from './clock.ts';
import { addLive, setLive } from './live-requests.ts';
import { session } from './session-state.ts';

/**
 * The state of the one event stream.
 *
 *   closed --the person is signed in, the page is visible--> connecting --first event--> open
 *   connecting, open --the connection breaks--> connecting --it breaks again--> lost --first event--> open
 *   any --the page is hidden, or the person signs out--> closed
 */
export type StreamState = 'closed' | 'connecting' | 'open' | 'lost';

export const streamState = signal<StreamState>('closed');
export const overview = signal<OverviewView | null>(null);
/** The oldest first. */
export const samples = signal<readonly SampleView[]>([]);

const keptSamplesMs = 15 * 60_000;
/** The page changes at most four times a second, however many events arrive. */
const flushMs = 250;
/** Events that are sent together arrive within this time in ms, and change the page once. */
const gatherMs = 30;
/** After a change the page rests for this many times as long as the change took, on a slow machine too. */
const restFactor = 15;
const maxRestMs = 3000;
const retryMs = [500, 1000, 2000, 4000, 8000] as const;

/** Parts of the page that show live requests. Without one, gateways need not send them. */
const liveWatchers = signal(0);
const isVisible = signal(!document.hidden);

let source: EventSource | undefined;
let retry: number | undefined;
let failures = 0;

/** What has arrived since the page changed last. */
let waiting: (() => void)[] = [];
let flushAt = 0;
let flushTimer: number | undefined;

/** Follows the stream as long as the person is signed in and the page is visible. */
export function followStream(): void {
  document.addEventListener('visibilitychange', () => {
    isVisible.value = !document.hidden;
  });
  effect(() => {
    const role = session.value?.role ?? null;
    const topics = liveWatchers.value > 0 ? 'overview,live' : 'overview';
    close();
    failures = 0;
    if (role !== null && isVisible.value) open(topics);
    else streamState.value = 'closed';
    // The next person to sign in may see less.
    if (role === null) {
      overview.value = null;
      samples.value = [];
      setLive([]);
    }
  });
}

/** Asks for live requests until the function that it returns is called. */
export function watchLive(): () => void {
  liveWatchers.value += 1;
  return () => {
    liveWatchers.value -= 1;
  };
}

function open(topics: string): void {
  if (streamState.peek() !== 'lost') streamState.value = 'connecting';
  const stream = new EventSource(`/-/api/events?topics=${topics}`);
  source = stream;
  void loadSamples();
  const on = <E extends keyof ApiEvents>(name: E, take: (event: ApiEvents[E]) => void): void => {
    stream.addEventListener(name, ({ data }: MessageEvent<string>) => {
      failures = 0;
      // The gateway sends what the contract says.
      const event = JSON.parse(data) as ApiEvents[E];
      later(() => {
        streamState.value = 'open';
        take(event);
      });
    });
  };
  on('overview', (view) => {
    setClock(view.at);
    overview.value = view;
  });
  on('sample', addSample);
  on('live', ({ requests, left }) => addLive(requests, left));
  stream.addEventListener('error', () => {
    if (source !== stream) return;
    // The browser's own retry gives up after an answer such as 503, so this page retries itself.
    close();
    // A stream ends from time to time. It is lost if the next one does not begin.
    streamState.value = failures === 0 ? 'connecting' : 'lost';
    const delay = retryMs[Math.min(failures, retryMs.length - 1)];
    failures += 1;
    retry = window.setTimeout(() => open(topics), delay);
  });
}

function close(): void {
  source?.close();
  source = undefined;
  window.clearTimeout(retry);
  window.clearTimeout(flushTimer);
  flushTimer = undefined;
  waiting = [];
}

function later(change: () => void): void {
  waiting.push(change);
  if (flushTimer !== undefined) return;
  flushTimer = window.setTimeout(flush, Math.max(gatherMs, flushAt - performance.now()));
}

function flush(): void {
  const changes = waiting;
  waiting = [];
  flushTimer = undefined;
  const begun = performance.now();
  flushAt = begun + flushMs;
  batch(() => {
    for (const change of changes) change();
  });
  // The timer fires when the browser has laid out and painted the page.
  requestAnimationFrame(() =>
    setTimeout(() => {
      const shown = performance.now();
      flushAt = Math.max(begun + flushMs, shown + Math.min(maxRestMs, restFactor * (shown - begun)));
    }),
  );
}

async function loadSamples(): Promise<void> {
  try {
    const answer = await call<SamplesView>('GET', '/-/api/samples');
    samples.value = answer.samples;
  } catch {
    // The chart starts with the samples of the stream.
  }
}

function addSample(sample: SampleView): void {
  const kept = samples.peek().filter(({ at }) => at > sample.at - keptSamplesMs && at < sample.at);
  samples.value = [...kept, sample];
}
