import { http } from './node-http.ts';

/** The characters that a reason phrase may have (RFC 9112 4), in latin1. */
const phrase = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Makes the field of a reply that carries its reason phrase.
 * @param text the phrase; undefined if there is none.
 * @returns no field for the usual phrase of the status, which the gateway writes anyway, nor for a text that
 * no status line can carry.
 */
export function reasonPart(status: number, text: string | undefined): { readonly reason?: string } {
  if (text === undefined || text === http.STATUS_CODES[status] || !phrase.test(text)) return {};
  return { reason: text };
}
