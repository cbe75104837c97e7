import { signal } from '@preact/signals';
import type { SessionView } from '#shared/contract/api/session.ts';
import { call, CallError } from './call.ts';
import { session } from './session-state.ts';

const path = '/-/api/session';

/** Why the session could not be read; null if it could. */
export const sessionFault = signal<CallError | null>(null);

/** Asks who the person is. On a fault it asks again, until there is an answer. */
export async function loadSession(): Promise<void> {
  try {
    session.value = await call<SessionView>('GET', path);
    sessionFault.value = null;
  } catch (error) {
    sessionFault.value = asCallError(error);
    setTimeout(() => void loadSession(), 2000);
  }
}

/** @throws {CallError} if the token is not one of this system's. */
export async function signIn(token: string): Promise<void> {
  await call('POST', path, { body: { token } });
  session.value = await call<SessionView>('GET', path);
}

/** Ends the session here and at the gateway. */
export async function signOut(): Promise<void> {
  await call('DELETE', path);
  session.value = await call<SessionView>('GET', path);
}

/** @returns what was thrown as a {@link CallError}. */
export function asCallError(thrown: unknown): CallError {
  if (thrown instanceof CallError) return thrown;
  return new CallError(0, 'page', thrown instanceof Error ? thrown.message : String(thrown));
}
