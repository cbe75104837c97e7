// The smallest handler: a function from Request to Response, no framework.
//   HANDLER=./examples/plain.ts npm start
//   curl http://127.0.0.1:5000/anything
import type { HandlerContext } from 'ringpost/handler';

/** Answers with the request's method and path, the replica, and how long the client will still wait. */
export default function handle(request: Request, context: HandlerContext): Response {
  const { pathname } = new URL(request.url);
  return Response.json({
    asked: `${request.method} ${pathname}`,
    replica: context.replica,
    attempt: context.attempt,
    millisecondsLeft: context.deadline - Date.now(),
  });
}
