import { problemReply } from '#shared/contract/problem.ts';
import type { GatewayNotices } from '#shared/store/ring/gateway-notices.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Waiters } from './waiters.ts';

const detail = 'The job of the request could no longer be read; it is not known whether it was done.';

/** Answers clients whose jobs could not be read and were moved aside: nothing else would answer them. */
export function answerGarbledJobs(
  notices: GatewayNotices,
  waiters: Waiters,
  dispatcher: Pick<Dispatcher, 'receive'>,
): void {
  notices.onNotice((notice) => {
    const waiter = notice.kind === 'jobSetAside' ? waiters.get(notice.request) : undefined;
    if (waiter === undefined) return;
    const { id, replica } = waiter.request;
    const { status, headers, body } = problemReply('outcome_unknown', detail);
    dispatcher.receive(replica, { kind: 'reply', reply: { id, status, headers, body } });
  });
}
