import type { ComponentChildren, JSX } from 'preact';
import type { RequestTimelineView } from '#shared/contract/api/requests.ts';
import { hrefOf } from '../data/route.ts';
import { useResource } from '../data/resource.ts';
import { mayChange } from '../data/session-state.ts';
import { askCancel } from '../actions/request-actions.tsx';
import { Ago } from '../parts/ago.tsx';
import { Card, PageHead } from '../parts/card.tsx';
import { CopyButton } from '../parts/copy.tsx';
import { Icon } from '../parts/icon.tsx';
import { Loaded } from '../parts/note.tsx';
import { StatePill, StatusPill } from '../parts/pill.tsx';
import { ReplicaName } from '../parts/replica-name.tsx';
import { codeWords } from '../words/code-words.ts';
import { duration, none } from '../words/numbers.ts';
import { Facts } from './replica.tsx';
import { Timeline } from './timeline.tsx';

/** How often the page reads the request again, in ms. */
const everyMs = 2000;

/** One request: what happened to it, when and why. */
export function Request({ id }: { readonly id: string }): JSX.Element {
  const timeline = useResource<RequestTimelineView>(`/-/api/requests/${encodeURIComponent(id)}`, { everyMs });
  const view = timeline.data;
  const [method, path] = [
    view?.request?.method ?? view?.live?.method,
    view?.request?.path ?? view?.live?.path,
  ];
  return (
    <>
      <PageHead
        title={<span class="mono break">{method === undefined ? 'Request' : `${method} ${path}`}</span>}
        lead={
          <span class="mono break">
            {id} <CopyButton text={id} what="the id" />
          </span>
        }
        tools={view === undefined ? undefined : <Tools view={view} reload={timeline.reload} />}
      />
      <Loaded from={timeline}>
        {(shown) => (
          <>
            <Outcome view={shown} />
            <div class="request">
              <Card title="What happened" class="flush">
                <Timeline events={shown.events} />
              </Card>
              <Card title="Facts">
                <RequestFacts view={shown} />
              </Card>
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

interface ViewProps {
  readonly view: RequestTimelineView;
}

function Tools({ view, reload }: ViewProps & { readonly reload: () => void }): JSX.Element | null {
  const { request, deadLetter } = view;
  const canCancel = mayChange.value && (request?.state === 'queued' || request?.state === 'running');
  return (
    <>
      {mayChange.value && deadLetter !== null && (
        <a class="button" href={hrefOf(['dead-letters', deadLetter])}>
          Dead letter
        </a>
      )}
      {canCancel && (
        <button type="button" class="danger" onClick={() => askCancel(view.id, request?.state ?? '', reload)}>
          Cancel …
        </button>
      )}
    </>
  );
}

/** If the request failed: why, and what to do. */
function Outcome({ view: { request, live } }: ViewProps): JSX.Element | null {
  const code = request?.code ?? live?.code ?? null;
  const words = code === null ? undefined : codeWords(code);
  if (code === null) return null;
  return (
    <div class="note bad">
      <Icon name="error" />
      <div>
        <p>
          <strong>{words?.cause ?? 'It failed.'}</strong> <code>{code}</code>
        </p>
        {words !== undefined && <p>{words.advice}</p>}
      </div>
    </div>
  );
}

function RequestFacts({ view: { request, live } }: ViewProps): JSX.Element {
  const started = request?.started ?? null;
  const accepted = request?.accepted ?? live?.at ?? null;
  const queueMs =
    live?.queueMs ?? (started === null || accepted === null ? null : Math.max(0, started - accepted));
  const ranMs =
    started === null || request?.finished == null ? null : Math.max(0, request.finished - started);
  const facts: (readonly [string, ComponentChildren])[] = [
    ['state', request === null ? 'no record' : <StatePill state={request.state} />],
    ['status', <StatusPill status={request?.status ?? live?.status ?? null} />],
    ['replica', <ReplicaName name={request?.replica ?? live?.replica ?? null} />],
    ['attempts', request?.attempts ?? live?.attempt ?? none],
    ['accepted', <Ago at={accepted} />],
    ['waited', duration(queueMs)],
    ['ran', duration(live?.serviceMs ?? ranMs)],
    ['total', duration(live?.totalMs ?? total(accepted, request?.finished ?? null))],
    ['mode', live?.mode === 'wait' || request === null ? 'the client waited' : 'with a record'],
  ];
  if (live?.adoptedBy != null) facts.push(['adopted by', live.adoptedBy]);
  if (live?.keyDigest != null) facts.push(['key digest', <code>{live.keyDigest}</code>]);
  if (live?.traceId != null) facts.push(['trace', <code class="break">{live.traceId}</code>]);
  if (request?.callback != null)
    facts.push([
      'callback',
      <StatePill state={request.callback.state} title={request.callback.answer ?? ''} />,
    ]);
  return <Facts facts={facts} />;
}

function total(accepted: number | null, finished: number | null): number | null {
  return accepted === null || finished === null ? null : Math.max(0, finished - accepted);
}
