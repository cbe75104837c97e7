import { redactTarget } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { AccessLogConfig } from './access-log-settings.ts';

/** Characters of a target or field that are shown at most. */
const longest = 2048;

/** Everything except visible ASCII, the only characters allowed in a target. */
const unusual = /[^\x21-\x7e]/;
const eachUnusual = new RegExp(unusual, 'g');

/**
 * @param target of a request: a path with its query, as the client sent it.
 * @returns the path, with as much of the query as the setting shows; visible ASCII characters only.
 */
export function shownTarget(target: string, query: AccessLogConfig['query'], redaction: Redaction): string {
  return asciiTarget(
    cut(query === 'redacted' ? redactTarget(target, redaction) : withoutValues(target, query)),
  );
}

/** @returns the text, or its beginning with `...` if it is long. */
export function cut(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}...`;
}

/** A parameter without `=` may be a secret itself, so it is hidden too. */
function withoutValues(target: string, query: 'none' | 'names'): string {
  const at = target.search(/[?#]/);
  if (at < 0) return target;
  const path = target.slice(0, at);
  if (query === 'none') return path;
  const parameters = target.slice(at + 1).split(/[&;]/);
  return `${path}?${parameters.map(hidden).join('&')}`;
}

function hidden(parameter: string): string {
  const at = parameter.indexOf('=');
  return at < 0 ? '*' : `${parameter.slice(0, at)}=*`;
}

/** Node reads each byte of a head as one character. */
function asciiTarget(text: string): string {
  if (!unusual.test(text)) return text;
  return text.replaceAll(
    eachUnusual,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
