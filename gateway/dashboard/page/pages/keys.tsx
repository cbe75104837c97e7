import type { JSX } from 'preact';
import type { ApiKeyView, HotKeysView } from '#shared/contract/api/system.ts';
import { hrefOf, route } from '../data/route.ts';
import { useResource } from '../data/resource.ts';
import { overview } from '../data/stream.ts';
import { Card, PageHead } from '../parts/card.tsx';
import { Empty, Loaded } from '../parts/note.tsx';
import { colourOf } from '../parts/replica-colours.ts';
import { ReplicaName } from '../parts/replica-name.tsx';
import { RingPicture, ringParts } from '../parts/ring-picture.tsx';
import { count, counted, duration, none, share } from '../words/numbers.ts';
import { KeyLoads } from './key-loads.tsx';
import { Facts } from './replica.tsx';
import { WhereIsKey } from './where-is-key.tsx';

/** How often the hot keys are read again, in ms. */
const everyMs = 5000;

/** Where a key is and why, and which keys are asked for most. */
export function Keys(): JSX.Element {
  const key = route.value.query.get('key') ?? '';
  const view = useResource<ApiKeyView>(key === '' ? null : `/-/api/key?key=${encodeURIComponent(key)}`, {
    everyMs,
  });
  return (
    <>
      <PageHead
        title="Keys"
        lead="The requests with one key go to one replica, its owner, unless they spill."
      />
      <section class="card" aria-label="Where is a key?">
        <WhereIsKey key={key} value={key} />
        {key !== '' && <Loaded from={view}>{(shown) => <Explained view={shown} />}</Loaded>}
      </section>
      {view.data?.loads != null && <KeyLoads loads={view.data.loads} />}
      <HotKeys />
    </>
  );
}

function Explained({ view }: { readonly view: ApiKeyView }): JSX.Element {
  const { owner, virtualNode, position, successors, line, requests, hot } = view;
  if (owner === null)
    return (
      <Empty title="The ring is empty, so the key has no owner.">
        Look at the <a href={hrefOf([])}>overview</a> for why no replica is ready.
      </Empty>
    );
  const parts = ringParts(overview.value?.replicas ?? []);
  return (
    <div class="explained">
      <RingPicture parts={parts} middle={[owner, 'owns the key']} marked={owner} />
      <div>
        <p class="lead">
          <code>{view.key}</code> belongs to <ReplicaName name={owner} />.
        </p>
        {virtualNode !== null && (
          <p>
            Its hash is {position === null ? none : count(position)}. The next virtual node on the ring is
            number {virtualNode.index} of {virtualNode.name}, at {count(virtualNode.position)}.
          </p>
        )}
        <Facts
          facts={[
            [
              'then',
              <ol class="chain">
                {successors
                  .filter((name) => name !== owner)
                  .map((name) => (
                    <li key={name}>
                      <ReplicaName name={name} />
                    </li>
                  ))}
              </ol>,
            ],
            [
              'line',
              line === null ? 'no ordered requests' : `${counted(line, 'ordered request')} in its line`,
            ],
            ...(requests === null
              ? []
              : ([
                  [
                    'KEY_CONCURRENCY',
                    `${count(requests.running)} run, ${count(requests.waiting)} wait for their turn`,
                  ],
                ] as const)),
            [
              'lately',
              hot === null ? 'not among the most frequent keys' : `about ${counted(hot.count, 'request')}`,
            ],
            ['digest', <code>{view.digest}</code>],
          ]}
        />
      </div>
    </div>
  );
}

function HotKeys(): JSX.Element {
  const keys = useResource<HotKeysView>('/-/api/hot-keys', { everyMs });
  const hint = keys.data === undefined ? undefined : `last ${duration(keys.data.windowMs)}`;
  return (
    <Card title="Hot keys" hint={hint} class="flush">
      <Loaded from={keys}>
        {(view) =>
          view.keys.length === 0 ? (
            <Empty title="No requests with keys have been counted.">
              Keys are counted while somebody watches this page or the overview.
            </Empty>
          ) : (
            <HotTable view={view} />
          )
        }
      </Loaded>
    </Card>
  );
}

function HotTable({ view }: { readonly view: HotKeysView }): JSX.Element {
  const max = Math.max(...view.keys.map((key) => key.share));
  return (
    <div class="scroll-x" role="group" aria-label="Hot keys" tabIndex={0}>
      <table>
        <caption class="unseen">The most frequent keys; counts are upper bounds</caption>
        <thead>
          <tr>
            <th scope="col">key</th>
            <th scope="col">owner</th>
            <th scope="col" class="n">
              requests
            </th>
            <th scope="col" class="share-column">
              share
            </th>
          </tr>
        </thead>
        <tbody>
          {view.keys.map(({ digest, key, owner, count: number, share: part }) => (
            <tr key={digest}>
              <th scope="row" class="mono cut">
                {key === null ? (
                  <span
                    class="soft"
                    title="This key may be a credential, or you may only view: its digest is shown."
                  >
                    {digest}
                  </span>
                ) : (
                  <a href={hrefOf(['keys'], { key })}>{key}</a>
                )}
              </th>
              <td>
                <ReplicaName name={owner} />
              </td>
              <td class="n">{count(number)}</td>
              <td class="share-column">
                <span class="share-bar" aria-hidden="true">
                  <i
                    style={{
                      width: `${(100 * part) / max}%`,
                      background: owner === null ? '' : colourOf(owner),
                    }}
                  />
                </span>
                <span>{share(part)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
