import type { FastifyReply, FastifyRequest } from 'fastify';

const field = ['Cache-Control', 'no-store'] as const;

/** A hook for routes whose answers, problems too, no cache may keep. */
export async function noStore(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header(...field);
}

/** Fields by which an answer says how long it may be kept; of a cache's own ones there are many. */
const caching = /^(?:cache-control|expires|pragma|surrogate-control|.+-cache-control)$/;

/**
 * @param headers names and values in turn.
 * @returns them so that no cache may keep the answer.
 */
export function neverStored(headers: readonly string[]): string[] {
  const others = headers.filter((_, at) => !caching.test(headers[at - (at % 2)]?.toLowerCase() ?? ''));
  return others.concat(field);
}
