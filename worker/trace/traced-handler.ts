import type { Fenced } from '#shared/contract/fenced.ts';
import type { ProtocolTrace } from '#shared/trace/protocol-trace.ts';
import type { Handler, HandlerAnswer } from '../handlers/handler.ts';

/**
 * @param lease under which the queue is served.
 * @returns a handler that does the same, and notes each call of it in the protocol trace.
 */
export function tracedHandler(handler: Handler, lease: Fenced, trace: ProtocolTrace): Handler {
  return {
    close: (until) => handler.close(until),
    handle: (request, context) => {
      const { requestId: id, attempt } = context;
      const run = { id, replica: lease.replica, fence: lease.fence, attempt };
      const end = (status: number): void => trace.record({ kind: 'ended', ...run, status });
      const answered = (answer: HandlerAnswer): HandlerAnswer => {
        end(answer.status);
        return answer;
      };
      const failed = (error: unknown): never => {
        end(0);
        throw error;
      };
      trace.record({ kind: 'begun', ...run });
      try {
        const handled = handler.handle(request, context);
        return handled instanceof Promise ? handled.then(answered, failed) : answered(handled);
      } catch (error) {
        return failed(error);
      }
    },
  };
}
