import { idOf, work } from './work.ts';

/** The work as ringpost's HANDLER. */
export default function fetch(request: Request): Response | Promise<Response> {
  const answer = work(idOf(request.url));
  return typeof answer === 'string' ? new Response(answer) : answer.then((text) => new Response(text));
}
