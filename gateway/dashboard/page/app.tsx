import type { JSX } from 'preact';
import { session } from './data/session-state.ts';
import { sessionFault } from './data/session.ts';
import { Shell } from './shell.tsx';
import { FaultNote } from './parts/note.tsx';
import { Outside } from './pages/outside.tsx';
import { SignIn } from './pages/sign-in.tsx';

/** The dashboard, or what a person has to do before it is shown. */
export function App(): JSX.Element | null {
  const known = session.value;
  if (known === null) {
    const fault = sessionFault.value;
    return fault === null ? null : (
      <main class="gate">
        <h1>ringpost</h1>
        <FaultNote fault={fault} />
      </main>
    );
  }
  if (known.role !== null) return <Shell />;
  return known.access === 'token' ? <SignIn detail={known.detail} /> : <Outside session={known} />;
}
