import type { DeadLetterSummary } from '#shared/contract/dead-letter.ts';
import { missingFields, missingParameters, redact, redactTarget } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { DeadLetterSummaryView, DeadLetterView, MessageView } from '#shared/contract/views.ts';
import { messageView } from './message-view.ts';
import { timeView } from './request-view.ts';
import type { DeadLetter } from '#shared/store/records/dead-letter.ts';

export const deadLettersPath = '/-/dead-letters';

/** @param redaction what is not shown, even if it was kept. */
export function summaryView(
  { accepted, ended, target, ...letter }: DeadLetterSummary,
  redaction: Redaction,
): DeadLetterSummaryView {
  const self = `${deadLettersPath}/${letter.id}`;
  return {
    ...letter,
    target: redactTarget(target, redaction),
    times: { accepted: timeView(accepted), ended: timeView(ended) },
    links: { self, redrive: `${self}/redrive` },
  };
}

/**
 * Shows a letter to a client with a view token. The id is left out because it gives access to the kept
 * answer, and the query because it may contain secrets. Such a client gets further pages by `until`.
 */
export function metadataView(letter: DeadLetterSummary): object {
  const { replica, state, code, status, method, target, attempts, accepted, ended } = letter;
  const [path] = target.split('?', 1);
  const times = { accepted: timeView(accepted), ended: timeView(ended) };
  return { replica, state, code, status, method, target: path, attempts, times };
}

/** @param redaction what is not shown, even if it was kept. */
export function letterView(letter: DeadLetter, redaction: Redaction): DeadLetterView {
  const { summary, request, reply } = letter;
  const shown = (headers: readonly string[], body: Uint8Array | undefined): MessageView => {
    const view = messageView(redact(headers, redaction), body ?? Buffer.alloc(0));
    return body === undefined ? { ...view, encoding: 'none' } : view;
  };
  return {
    ...summaryView(summary, redaction),
    request: request === undefined ? null : shown(request.headers, request.body),
    reply: reply === undefined ? null : { status: reply.status, ...shown(reply.headers, reply.body) },
    missingHeaders: request === undefined ? [] : missingFields(request.headers),
    missingQuery: request === undefined ? [] : missingParameters(request.target),
  };
}
