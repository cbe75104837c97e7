import type { FastifyReply, FastifyRequest } from 'fastify';

const field = ['Cache-Control', 'no-store'] as const;

/** A hook for routes whose answers, including problems, must not be cached. */
export async function noStore(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header(...field);
}

/** The fields about caching; many caches have one of their own. */
const caching = /^(?:cache-control|expires|pragma|surrogate-control|.+-cache-control)$/;

/**
 * @param headers alternating names and values.
 * @returns them with a `Cache-Control` that forbids caching, and without other fields about caching.
 */
export function neverStored(headers: readonly string[]): string[] {
  const others = headers.filter((_, at) => !caching.test(headers[at - (at % 2)]?.toLowerCase() ?? ''));
  return others.concat(field);
}
