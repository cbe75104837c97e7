import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { peerAddress } from '#shared/contract/ip-address.ts';
import { forwardedHead } from '../request/request-head.ts';
import type { ForwardingRules } from '../request/request-head.ts';
import { originForm } from '../edge/request-target.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import type { Callers } from '../caller/callers.ts';

/** @returns whether a client may know of a request. To any other client the request does not exist. */
export type MayKnow = (request: KnownRequest) => boolean;

/**
 * Decides what a client may know. A request whose caller had an `Authorization` or an API key is known to
 * that caller and to admins. Any other request is known to every client that knows its id. The work is the
 * same for every id, so that the time reveals nothing.
 */
export function readerOf(
  callers: Callers,
  forwarding: ForwardingRules,
  isAdmin: (asking: FastifyRequest) => boolean,
  asking: FastifyRequest,
): MayKnow {
  const { raw, originalUrl } = asking;
  const head = forwardedHead(raw, peerAddress(raw.socket), forwarding);
  const reader = callers.of({ target: originForm(asking.method, originalUrl), ...head });
  const admin = isAdmin(asking);
  return ({ record: { caller } }) => caller?.alone !== true || admin || same(caller.digest, reader.digest);
}

function same(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
