import type { BlockList } from 'node:net';
import { canonicalAddress } from '#shared/contract/ip-address.ts';
import { Problem } from '#shared/contract/errors.ts';
import { isIn } from '../edge/subnets.ts';
import { headerValues } from './field-values.ts';
import { ForwardedParser } from './forwarded-parser.ts';
import { checkFieldSize } from './own-fields.ts';

/** An address with brackets, a port, or both (RFC 7239 6); a port can be obfuscated. */
const withPort = /^(?:\[([^\]]*)\]|([\d.]+))(?::(?:\d{1,5}|_[\w.-]+))?$/;
/** A proxy does not say who sent it the request, or uses a name of its own (RFC 7239 6.2, 6.3). */
const hidden = /^(?:(?:unknown|_[\w.-]+)(?::(?:\d{1,5}|_[\w.-]+))?)?$/i;

/**
 * Finds the address of a request's client. The last element of `Forwarded` is the gateway's own, and names
 * the peer. If the peer is a trusted proxy, the client is the last address before it that is not a trusted
 * proxy, or the first address if all are. If a proxy hides an address, the one after it counts as the
 * client's.
 * @param headers alternating names and values, as they go to the replica.
 * @param trusted proxies; undefined if there are none.
 * @returns the address in canonical form; empty if none is known.
 * @throws {Problem} `request_malformed` if a trusted proxy's field cannot be read, or if `Forwarded` and
 * `X-Forwarded-For` differ.
 */
export function clientOf(headers: readonly string[], trusted: BlockList | undefined): string {
  const fields = headerValues(headers, 'forwarded');
  const own = fields.slice(-1);
  const peer = lastUntrusted('Forwarded', parseForwarded(own), undefined);
  if (trusted === undefined || !isIn(trusted, peer)) return peer;
  const byProxies = fields.slice(0, -1);
  const forwardedFor = headerValues(headers, 'x-forwarded-for');
  checkSize('Forwarded', byProxies);
  checkSize('X-Forwarded-For', forwardedFor);
  const client = lastUntrusted('Forwarded', parseForwarded(fields), trusted);
  if (forwardedFor.length === 0) return client;
  const other = lastUntrusted('X-Forwarded-For', splitList(forwardedFor), trusted);
  if (byProxies.length === 0 || client === other) return other;
  // A proxy that writes one of the two fields forwards the other one as the client sent it.
  throw new Problem('request_malformed', 'Forwarded and X-Forwarded-For name different clients.');
}

/** Adds the peer to `X-Forwarded-For`, if the request has such a field. */
export function extendForwardedFor(headers: string[], peer: string): void {
  const last = headers.findLastIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'x-forwarded-for');
  if (last < 0) return;
  const value = headers[last + 1] ?? '';
  headers[last + 1] = value.trim() === '' ? peer : `${value}, ${peer}`;
}

/** @returns the last address of a path that is not trusted; the first known one if all are trusted. */
function lastUntrusted(field: string, path: readonly string[], trusted: BlockList | undefined): string {
  let client = '';
  for (const node of path.toReversed()) {
    if (hidden.test(node)) break;
    client = nodeAddress(node) ?? refuse(field);
    if (trusted === undefined || !isIn(trusted, client)) break;
  }
  return client;
}

/** @returns the address of a node (RFC 7239 6) in canonical form; undefined if it names none. */
export function nodeAddress(node: string): string | undefined {
  const [, ipv6, ipv4] = withPort.exec(node) ?? [];
  return canonicalAddress(ipv6 ?? ipv4 ?? node);
}

/** Several fields of a name are one list (RFC 9110 5.3). */
function parseForwarded(values: readonly string[]): string[] {
  return new ForwardedParser(values.join(',')).parse() ?? refuse('Forwarded');
}

function splitList(values: readonly string[]): string[] {
  const members = values.join(',').split(',');
  return members.map((member) => member.trim()).filter((member) => member !== '');
}

function checkSize(field: string, values: readonly string[]): void {
  checkFieldSize(field, values.join(',').length);
}

function refuse(field: string): never {
  throw new Problem('request_malformed', `${field} cannot be read.`);
}
