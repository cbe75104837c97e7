// A background job: the body says what to do.
import { setTimeout as delay } from 'node:timers/promises';
import type { HandlerContext } from 'ringpost/handler';

export default async function handle(request: Request, context: HandlerContext): Promise<Response> {
  const { job, ms } = (await request.json()) as { job: string; ms: number };
  await delay(ms, undefined, { signal: context.signal });
  if (job === 'broken') return Response.json({ error: 'it cannot be done' }, { status: 500 });
  return Response.json({ job, replica: context.replica });
}
