import { idOf, work } from './work.ts';

const json = { headers: { 'content-type': 'application/json' } };

/** The work as ringpost's HANDLER. The answer to a request with a body is that body. */
export default function fetch(request: Request): Response | Promise<Response> {
  const answer = work(idOf(request.url));
  if (request.method === 'POST') return echo(request, answer);
  return typeof answer === 'string' ? new Response(answer) : answer.then((text) => new Response(text));
}

async function echo(request: Request, answer: string | Promise<string>): Promise<Response> {
  if (typeof answer !== 'string') await answer;
  return new Response(await request.arrayBuffer(), json);
}
