import type { JSX } from 'preact';
import type { SessionView } from '#shared/contract/api/session.ts';
import { hrefOf } from '../data/route.ts';
import { PageHead } from '../parts/card.tsx';
import { Empty } from '../parts/note.tsx';

/** Where the dashboard is, or why it is not open here. */
export function Outside({ session }: { readonly session: SessionView }): JSX.Element {
  const { access, adminUrl, detail } = session;
  return (
    <main class="gate">
      <img src="/-/assets/icon.svg" width="40" height="40" alt="" />
      {access === 'elsewhere' ? (
        <>
          <h1>The dashboard is on another port</h1>
          <p>
            Pages of the replicas share this origin, so nobody signs in here. Open the dashboard on the port
            of <code>ADMIN_PORT</code>.
          </p>
          {adminUrl !== null && (
            <p>
              <a class="button primary" href={adminUrl}>
                Open {adminUrl}
              </a>
            </p>
          )}
        </>
      ) : (
        <>
          <h1>The dashboard is closed here</h1>
          <p>{detail ?? 'Set ADMIN_TOKEN and ADMIN_PORT, and sign in there.'}</p>
        </>
      )}
    </main>
  );
}

/** For an address that no page has. */
export function Nowhere(): JSX.Element {
  return (
    <>
      <PageHead title="Not found" />
      <Empty title="There is no such page.">
        Go to the <a href={hrefOf([])}>overview</a>.
      </Empty>
    </>
  );
}
