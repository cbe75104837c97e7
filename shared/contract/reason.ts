import { STATUS_CODES } from 'node:http';

/** What a reason phrase may consist of (RFC 9112 4); it is latin1. */
const phrase = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The part of a reply that carries a reason phrase. The usual phrase is not carried: the gateway writes it
 * anyway.
 * @param text the phrase; undefined if there is none.
 * @returns an object with `reason` if the phrase is not the usual one of its status; else an empty one, also
 * for a text that no status line can carry.
 */
export function reasonPart(status: number, text: string | undefined): { readonly reason?: string } {
  if (text === undefined || text === STATUS_CODES[status] || !phrase.test(text)) return {};
  return { reason: text };
}
