import type { CallbackUrls } from '#shared/contract/callback.ts';
import { redactTarget, withoutSecretFields } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { Reply } from '#shared/contract/reply.ts';
import type { RequestState } from '#shared/contract/request-record.ts';
import type { CallbackMessage } from '#shared/contract/views.ts';
import { messageView } from '../records/message-view.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { viewOf } from '../records/request-view.ts';

/** @returns where the end of a request is reported; undefined if it is not. */
export function urlFor({ url, failureUrl }: CallbackUrls, state: RequestState): string | undefined {
  return state === 'done' ? url : (failureUrl ?? url);
}

/**
 * @param request that has ended.
 * @param reply its answer, if there is one.
 * @param now ms since the epoch.
 * @param redaction what is left out, since the receiver is not the client.
 * @returns the JSON that is sent, in the form of Standard Webhooks: `type`, `timestamp`, `data`.
 */
export function messageOf(
  request: KnownRequest,
  reply: Reply | undefined,
  now: number,
  redaction: Redaction,
): string {
  const { record } = request;
  // The message does not report the state of its own callback.
  const { callback: _, ...view } = viewOf(request);
  const message: CallbackMessage = {
    type: `request.${record.state}`,
    timestamp: new Date(record.finished ?? now).toISOString(),
    data: {
      ...view,
      target: redactTarget(view.target, redaction),
      reply:
        reply?.body === undefined
          ? null
          : {
              status: reply.status,
              ...messageView(withoutSecretFields(reply.headers, redaction), reply.body),
            },
    },
  };
  return JSON.stringify(message);
}
