import type { DeadLetterSummary } from '#shared/contract/dead-letter.ts';
import { redact, redactedValue } from '#shared/contract/redaction.ts';
import type { DeadLetterSummaryView, DeadLetterView, MessageView } from '#shared/contract/views.ts';
import { messageView } from '../requests/message-view.ts';
import { timeView } from '../requests/request-view.ts';
import type { DeadLetter } from './dead-letter-store.ts';

export const deadLettersPath = '/-/dead-letters';

export function summaryView({ accepted, ended, ...letter }: DeadLetterSummary): DeadLetterSummaryView {
  const self = `${deadLettersPath}/${letter.id}`;
  return {
    ...letter,
    times: { accepted: timeView(accepted), ended: timeView(ended) },
    links: { self, redrive: `${self}/redrive` },
  };
}

/**
 * What a view token shows. Who knows an id may read the kept answer, and a query may hold secrets: it has neither. Its
 * pages follow each other by `until`.
 */
export function metadataView(letter: DeadLetterSummary): object {
  const { replica, state, code, status, method, target, attempts, accepted, ended } = letter;
  const [path] = target.split('?', 1);
  const times = { accepted: timeView(accepted), ended: timeView(ended) };
  return { replica, state, code, status, method, target: path, attempts, times };
}

/** @param secretHeaders lower-case names of the fields whose values are not shown, whatever was kept. */
export function letterView(letter: DeadLetter, secretHeaders: ReadonlySet<string>): DeadLetterView {
  const { summary, job, request, reply } = letter;
  const shown = (headers: readonly string[], body: Uint8Array): MessageView =>
    messageView(redact(headers, secretHeaders), body);
  return {
    ...summaryView(summary),
    request: request === undefined ? null : shown(request.headers, request.body),
    reply: reply?.body === undefined ? null : { status: reply.status, ...shown(reply.headers, reply.body) },
    missingHeaders: job.headers
      .filter((_, at) => at % 2 === 0 && job.headers[at + 1] === redactedValue)
      .map((name) => name.toLowerCase()),
  };
}
