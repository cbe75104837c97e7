import type { HttpReply } from '#shared/contract/http.ts';
import type { Handler } from './handler.ts';

const EMPTY = new Uint8Array(0);

function jsonReply(status: number, value: unknown): HttpReply {
  const body = Buffer.from(JSON.stringify(value));
  return {
    status,
    headers: ['content-type', 'application/json; charset=utf-8', 'content-length', String(body.byteLength)],
    body,
  };
}

/** What HEAD gets: the headers of GET, Content-Length included, and no body (RFC 9110 9.3.2). */
function withoutBody(reply: HttpReply): HttpReply {
  return { ...reply, body: EMPTY };
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

function unknownEndpoint(path: string): HttpReply {
  return jsonReply(400, {
    message: `<Error> '${path}' endpoint does not exist in server replicas`,
    status: 'failure',
  });
}

/**
 * The built-in service: `GET /home` greets with the replica's name, `GET /heartbeat` is 200 and empty, HEAD is
 * GET without the body, anything else is 400. Queries are ignored. The replies are made once and shared: nobody
 * may write to them.
 * @param replica the replica's name, e.g. `S1`
 */
export function createBuiltInHandler(replica: string): Handler {
  const home = jsonReply(200, { message: `Hello from Server: ${replica}`, status: 'successful' });
  const heartbeat: HttpReply = { status: 200, headers: ['content-length', '0'], body: EMPTY };
  const homeHead = withoutBody(home);

  function reply(method: string, path: string): HttpReply {
    const isHead = method === 'HEAD';
    if (isHead || method === 'GET') {
      if (path === '/home') return isHead ? homeHead : home;
      if (path === '/heartbeat') return heartbeat;
    }
    const unknown = unknownEndpoint(path);
    return isHead ? withoutBody(unknown) : unknown;
  }

  return {
    handle: (request) => reply(request.method, pathOf(request.target)),
    close: () => Promise.resolve(),
  };
}
