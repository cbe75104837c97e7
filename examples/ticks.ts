// A handler whose answer streams: the numbers from 1 to ?to=, one every ?ms=, as server-sent events. If its
// replica dies in the middle, the next run goes on behind the last number that was kept.
//   HANDLER=./examples/ticks.ts npm start
//   curl -N 'http://127.0.0.1:5000/?to=5&ms=500'
import { setTimeout as delay } from 'node:timers/promises';
import type { HandlerContext } from 'ringpost/handler';

export default function handle(request: Request, { signal, resumeFrom }: HandlerContext): Response {
  const { searchParams } = new URL(request.url);
  const to = Number(searchParams.get('to') ?? 5);
  const ms = Number(searchParams.get('ms') ?? 100);
  let sent = Number(resumeFrom?.lastEventId ?? 0);
  const events = new ReadableStream<Uint8Array>({
    // Called when there is room for more, so a slow client slows this down.
    pull: async (controller) => {
      if (sent >= to) {
        controller.close();
        return;
      }
      await delay(ms, undefined, { signal });
      sent += 1;
      controller.enqueue(new TextEncoder().encode(`id: ${sent}\ndata: ${sent}\n\n`));
    },
  });
  const headers = new Headers({ 'content-type': 'text/event-stream' });
  if (resumeFrom !== undefined) headers.set('ringpost-resumed-from', String(resumeFrom.offset));
  return new Response(events, { headers });
}
