import { codeWords } from './code-words.ts';

const byStatus: Readonly<Record<number, string>> = {
  0: 'Check that the gateway runs and that this machine reaches it.',
  400: 'Change what was asked for as the message says.',
  401: 'Sign in with a token of this system.',
  403: 'Use a token that may change things, or ask somebody who has one.',
  404: 'It may have expired, or its name is misspelt.',
  409: 'Look at it again: it has changed since the page showed it.',
  429: 'Wait a moment, then try again.',
  503: 'Try again. If this persists, check the gateway’s log.',
};

/** @returns what a person can do about an answer of the API, in one sentence. */
export function adviceFor(code: string, status: number): string {
  if (code === 'redis_away') return 'Check that Redis runs and that the gateway reaches it.';
  return (
    byStatus[status] ??
    (status >= 500 ? codeWords(code)?.advice : undefined) ??
    'Try again. If this persists, check the gateway’s log.'
  );
}
