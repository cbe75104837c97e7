import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#shared/errors.ts';

export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
}

/** @returns why an admin call with this `Authorization` header is refused, or undefined where it is allowed. */
export type AdminGuard = (authorization: string | undefined) => Refusal | undefined;

/**
 * @param token what callers have to present as a bearer token (RFC 6750), if anything.
 * @param closed why the admin calls are closed to all, if they are.
 */
export function createAdminGuard(token: string | undefined, closed: string | undefined): AdminGuard {
  if (closed !== undefined) return () => ({ status: 403, message: closed });
  if (token === undefined) return () => undefined;
  const expected = digest(Buffer.from(token, 'utf8'));
  return (authorization) => {
    const scheme = /^Bearer +/i.exec(authorization ?? '')?.[0];
    // Node reads the bytes of a header as Latin-1.
    const presented = Buffer.from(authorization?.slice(scheme?.length) ?? '', 'latin1');
    if (scheme !== undefined && timingSafeEqual(digest(presented), expected)) return undefined;
    return { status: 401, message: 'the call needs the header Authorization: Bearer <ADMIN_TOKEN>' };
  };
}

/** @returns a hook that answers with a problem what the guard refuses. */
export function guarded(guard: AdminGuard) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const refusal = guard(request.headers.authorization);
    if (refusal === undefined) return;
    if (refusal.status === 401) reply.header('www-authenticate', 'Bearer');
    throw new Problem(refusal.status === 401 ? 'unauthorized' : 'forbidden', refusal.message);
  };
}

/** Equal lengths for the comparison in constant time. */
function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
