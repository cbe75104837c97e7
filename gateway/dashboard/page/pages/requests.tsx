import type { JSX } from 'preact';
import { goTo, hrefOf, route } from '../data/route.ts';
import { PageHead } from '../parts/card.tsx';
import { Segments } from '../parts/field.tsx';
import { LiveList } from './live-list.tsx';
import { RequestSearch } from './request-search.tsx';

const views = ['live', 'search'];

/** Requests as they end, and those with records. */
export function Requests(): JSX.Element {
  const { query } = route.value;
  const view =
    query.get('view') === 'search' || (query.size > 0 && query.get('view') !== 'live') ? 'search' : 'live';
  return (
    <>
      <PageHead
        title="Requests"
        lead={
          view === 'live'
            ? 'Requests that a client waited for, as they finish.'
            : 'Requests with a record: async ones, and those with an Idempotency-Key.'
        }
        tools={
          <Segments
            label="Which requests"
            value={view}
            options={views}
            onValue={(value) => goTo(hrefOf(['requests'], { view: value }), { replace: true })}
          />
        }
      />
      {view === 'live' ? <LiveList /> : <RequestSearch />}
    </>
  );
}
