import type { JSX } from 'preact';
import type { DeadLetterView, MessageView } from '#shared/contract/views.ts';
import { goTo, hrefOf } from '../data/route.ts';
import { useResource } from '../data/resource.ts';
import { mayChange } from '../data/session-state.ts';
import { askDelete } from '../actions/delete-letters.tsx';
import type { Chosen } from '../actions/letter-list.tsx';
import { askRedrive } from '../actions/redrive.tsx';
import { Ago } from '../parts/ago.tsx';
import { Card, PageHead } from '../parts/card.tsx';
import { CopyButton } from '../parts/copy.tsx';
import { Icon } from '../parts/icon.tsx';
import { Empty, Loaded } from '../parts/note.tsx';
import { StatusPill } from '../parts/pill.tsx';
import { ReplicaName } from '../parts/replica-name.tsx';
import { codeWords } from '../words/code-words.ts';
import { Facts } from './replica.tsx';

/** One dead letter: the request, the answer, and why it failed. */
export function DeadLetter({ id }: { readonly id: string }): JSX.Element {
  const letter = useResource<DeadLetterView>(`/-/dead-letters/${encodeURIComponent(id)}`);
  const view = letter.data;
  return (
    <>
      <PageHead
        title={
          <span class="mono break">
            {view === undefined ? 'Dead letter' : `${view.method} ${view.target}`}
          </span>
        }
        lead={
          <span class="mono break">
            {id} <CopyButton text={id} what="the id" />
          </span>
        }
        tools={view === undefined ? undefined : <Tools view={view} />}
      />
      <Loaded from={letter}>{(shown) => <Content view={shown} />}</Loaded>
    </>
  );
}

function Tools({ view }: { readonly view: DeadLetterView }): JSX.Element {
  const chosen: Chosen = { count: 1, ids: [view.id], sample: [view] };
  const done = (): void => goTo(hrefOf(['dead-letters']));
  return (
    <>
      <a class="button" href={hrefOf(['requests', view.id])}>
        What happened
      </a>
      {mayChange.value && (
        <>
          <button type="button" class="danger" onClick={() => askDelete(chosen, done)}>
            Delete …
          </button>
          <button type="button" class="primary" onClick={() => askRedrive(chosen, done)}>
            Redrive …
          </button>
        </>
      )}
    </>
  );
}

function Content({ view }: { readonly view: DeadLetterView }): JSX.Element {
  const { code, status = null, replica, attempts, times, state, request, reply } = view;
  const words = codeWords(code);
  const missing = [...view.missingHeaders, ...view.missingQuery];
  const timeOf = (text: string | null): number | null => (text === null ? null : Date.parse(text));
  return (
    <>
      <div class="note bad">
        <Icon name="error" />
        <div>
          <p>
            <strong>{words?.cause ?? `It ${state}.`}</strong> <code>{code}</code>
          </p>
          {words !== undefined && <p>{words.advice}</p>}
        </div>
      </div>
      <div class="request">
        <div>
          <Message title="Request" message={request} />
          <Message title="Answer" message={reply} />
        </div>
        <Card title="Facts">
          <Facts
            facts={[
              ['status', <StatusPill status={status} />],
              ['replica', <ReplicaName name={replica} />],
              ['attempts', attempts],
              ['accepted', <Ago at={timeOf(times.accepted)} />],
              ['ended', <Ago at={timeOf(times.ended)} />],
              ...(missing.length === 0 ? [] : ([['not kept', missing.join(', ')]] as const)),
            ]}
          />
        </Card>
      </div>
    </>
  );
}

function Message({
  title,
  message,
}: {
  readonly title: string;
  readonly message: MessageView | null;
}): JSX.Element {
  if (message === null)
    return (
      <Card title={title}>
        <Empty title={`No ${title.toLowerCase()} is recorded.`} />
      </Card>
    );
  const { headers, encoding, body } = message;
  return (
    <Card title={title}>
      <table class="plain headers">
        <caption class="unseen">{`Header fields of the ${title.toLowerCase()}`}</caption>
        <tbody>
          {headers.map(([name, value], place) => (
            <tr key={place}>
              <th scope="row">{name}</th>
              <td class="mono break">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {encoding === 'none' ? (
        <p class="soft">The body was not kept.</p>
      ) : body === '' ? (
        <p class="soft">It has no body.</p>
      ) : (
        <pre
          tabIndex={0}
          aria-label={`Body of the ${title.toLowerCase()}${encoding === 'base64' ? ', in base64' : ''}`}
        >
          {body}
        </pre>
      )}
    </Card>
  );
}
