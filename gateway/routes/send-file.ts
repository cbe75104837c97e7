import type { FastifyReply, FastifyRequest } from 'fastify';
import { matches } from './static-files.ts';
import type { StaticFile } from './static-files.ts';

/** Answers with a file, or with 304 if the client has it already. */
export async function sendFile(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  file: StaticFile,
): Promise<FastifyReply> {
  const encoding = file.encodingFor(headers['accept-encoding']?.toString());
  const etag = file.etag(encoding);
  reply.headers({
    etag,
    'cache-control': file.caching,
    vary: 'Accept-Encoding',
    'x-content-type-options': 'nosniff',
  });
  if (matches(headers['if-none-match'], etag)) return reply.code(304).send();
  if (encoding !== 'identity') reply.header('content-encoding', encoding);
  return reply.type(file.type).send(await file.bytes(encoding));
}
