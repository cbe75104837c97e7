import { useComputed } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { now } from './data/clock.ts';
import { hrefOf, route } from './data/route.ts';
import { mayChange, session } from './data/session-state.ts';
import { asCallError, signOut } from './data/session.ts';
import { overview, streamState } from './data/stream.ts';
import { pageFor } from './page-table.tsx';
import { Icon } from './parts/icon.tsx';
import type { IconName } from './parts/icon.tsx';
import { Notice, tell } from './parts/notice.tsx';
import { QuestionDialog } from './parts/question.tsx';
import { count } from './words/numbers.ts';
import { age } from './words/times.ts';

/** The frame around all pages: where one can go, and whether what is shown is up to date. */
export function Shell(): JSX.Element {
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const { path } = route.value;
  const { title, page } = pageFor(path);
  const key = path.join('/');
  useEffect(() => {
    document.title = `${title} · ringpost`;
    if (!isFirst.current) {
      scrollTo(0, 0);
      main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [key]);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.querySelector<HTMLElement>('h1')?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="side">
        <a class="brand" href={hrefOf([])}>
          <img src="/-/assets/icon.svg" width="20" height="20" alt="" />
          ringpost
        </a>
        <Pages current={path[0] ?? ''} />
        <Foot />
      </header>
      <main ref={main} id="main" key={key}>
        <Connection />
        {page}
      </main>
      <QuestionDialog />
      <Notice />
    </>
  );
}

interface Place {
  readonly path: string;
  readonly label: string;
  readonly icon: IconName;
}

const places: readonly Place[] = [
  { path: '', label: 'Overview', icon: 'overview' },
  { path: 'requests', label: 'Requests', icon: 'requests' },
  { path: 'keys', label: 'Keys', icon: 'keys' },
  { path: 'dead-letters', label: 'Dead letters', icon: 'dead-letters' },
  { path: 'callbacks', label: 'Callbacks', icon: 'callbacks' },
  { path: 'gateways', label: 'Gateways', icon: 'gateways' },
  { path: 'settings', label: 'Settings', icon: 'settings' },
];

function Pages({ current }: { readonly current: string }): JSX.Element {
  const { totals } = overview.value ?? {};
  const counts: Readonly<Record<string, number | undefined>> = {
    'dead-letters': totals?.deadLetters,
    callbacks: totals?.callbacks,
  };
  const shown = current === 'replicas' ? '' : current;
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the pages are in a row that is wider than the screen.
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [shown]);
  return (
    <nav ref={nav} aria-label="Pages">
      {places.map(({ path, label, icon }) => (
        <a
          key={path}
          href={hrefOf(path === '' ? [] : [path])}
          aria-current={path === shown ? 'page' : undefined}
        >
          <Icon name={icon} />
          <span>{label}</span>
          <Count value={counts[path]} />
        </a>
      ))}
      <a href="/-/docs">
        <Icon name="api" />
        <span>API</span>
      </a>
    </nav>
  );
}

function Count({ value = 0 }: { readonly value?: number | undefined }): ComponentChildren {
  return value > 0 && <span class="badge">{count(value)}</span>;
}

function Foot(): JSX.Element {
  const view = overview.value;
  const known = session.value;
  const leave = (): void => {
    signOut().catch((error: unknown) => tell(asCallError(error).message));
  };
  return (
    <div class="foot">
      <StreamDot />
      {view !== null && (
        <p class="soft where" title={`Answered by gateway ${view.gateway}`}>
          {view.namespace} · {view.version}
        </p>
      )}
      {known?.name != null && (
        <p class="who">
          <span class="cut" title={known.name}>
            {known.name}
            {!mayChange.value && <span class="soft"> (view only)</span>}
          </span>
          {known.csrf !== null && (
            <button type="button" class="link" onClick={leave}>
              Sign out
            </button>
          )}
        </p>
      )}
    </div>
  );
}

function StreamDot(): JSX.Element {
  const state = streamState.value;
  const words = {
    open: 'Live',
    connecting: 'Connecting …',
    lost: 'Reconnecting …',
    closed: 'Paused',
  } as const;
  return (
    <p class={`stream ${state}`}>
      <i class="dot" aria-hidden="true" />
      {words[state]}
    </p>
  );
}

/** An overview is sent every two seconds. An older one than this, in ms, is said to be old. */
const oldMs = 10_000;

/** Says on the page itself that what it shows is old. */
function Connection(): JSX.Element {
  const view = overview.value;
  const isLost = streamState.value === 'lost';
  // The stream stays open while Redis is away, and brings no overview then.
  const isOld = useComputed(() => overview.value !== null && now.value - overview.value.at > oldMs);
  return (
    <div role="status">
      {isLost && (
        <div class="note warn">
          <Icon name="warning" />
          <p>
            <strong>The connection to the gateway is lost.</strong>{' '}
            {view === null ? '' : `What you see is ${age(now.value - view.at)} old. `}
            The page tries again by itself; check that the gateway runs.
          </p>
        </div>
      )}
      {streamState.value === 'open' && isOld.value && view !== null && (
        <div class="note warn">
          <Icon name="warning" />
          <p>
            <strong>The numbers are {age(now.value - view.at)} old.</strong> The gateway answers but sends no
            new ones. Check Redis.
          </p>
        </div>
      )}
    </div>
  );
}
