import { idOf, work } from './work.ts';

/** The work as ringpost's HANDLER. The answer to a request with a body is its id and then that body. */
export default function fetch(request: Request): Response | Promise<Response> {
  const answer = work(idOf(request.url));
  if (request.method === 'POST') return withBody(request, answer);
  return typeof answer === 'string' ? new Response(answer) : answer.then((text) => new Response(text));
}

async function withBody(request: Request, answer: string | Promise<string>): Promise<Response> {
  return new Response(new Blob([await answer, await request.arrayBuffer()]));
}
