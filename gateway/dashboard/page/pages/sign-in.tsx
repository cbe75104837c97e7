import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { CallError } from '../data/call.ts';
import { asCallError, signIn } from '../data/session.ts';
import { Field } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';

/** Asks for a token. */
export function SignIn({ detail }: { readonly detail: string | null }): JSX.Element {
  const [token, setToken] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<CallError>();
  const submit = async (): Promise<void> => {
    setBusy(true);
    setFault(undefined);
    try {
      await signIn(token);
    } catch (error) {
      setFault(asCallError(error));
      setBusy(false);
    }
  };
  return (
    <main class="gate">
      <img src="/-/assets/icon.svg" width="40" height="40" alt="" />
      <h1>Sign in to ringpost</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token !== '' && !isBusy) void submit();
        }}
      >
        <Field
          label="Token"
          name="token"
          type="password"
          autoComplete="current-password"
          value={token}
          onValue={setToken}
          hint="A token from ADMIN_TOKEN, or from VIEW_TOKEN for read-only access. This page does not store it."
        />
        {fault !== undefined && (
          <p class="note bad" role="alert">
            <Icon name="error" />
            {fault.status === 401
              ? 'This is not a token of this system. Check it and try again.'
              : fault.message}
          </p>
        )}
        <button type="submit" class="primary" disabled={token === '' || isBusy}>
          {isBusy ? 'Signing in …' : 'Sign in'}
        </button>
      </form>
      {detail !== null && <p class="soft">{detail}</p>}
    </main>
  );
}
