import type { LoggedRequest } from './logged-request.ts';
import { isoTime } from './line-times.ts';

/** All but printable ASCII characters: a terminal acts on some of them, e.g. U+009B. */
const unprintable = /[^\x20-\x7e]/g;
/** What a JSON text needs to escape, and {@link unprintable}. */
const special = /["\\]|[^\x20-\x7e]/;

/**
 * @returns an object in one line of ASCII, without the fields that are not known. It is written by hand:
 * `JSON.stringify` and an escape of its whole text would cost more than twice as much.
 */
export function jsonLine(request: LoggedRequest): string {
  const { at, id, key, method, path, protocol, status, reason, mode, replica, attempt } = request;
  const { aborted, adoptedBy, queueMs, serviceMs, totalMs, bytesIn, bytesOut, client, traceId } = request;
  const { referer, userAgent, spilledFrom } = request;
  return (
    `{"time":"${isoTime(at)}"${plain('id', id)}${plain('key', key)},"method":"${method}"${text('path', path)}` +
    `,"protocol":"${protocol}","status":${status}${plain('reason', reason)}${plain('aborted', aborted)}` +
    `,"mode":"${mode}"` +
    `${text('replica', replica)}${text('spilledFrom', spilledFrom)},"attempt":${attempt}${text('adoptedBy', adoptedBy)}` +
    `${number('queueMs', queueMs)}${number('serviceMs', serviceMs)},"totalMs":${totalMs}` +
    `,"bytesIn":${bytesIn},"bytesOut":${bytesOut}${text('client', client)}${plain('traceId', traceId)}` +
    `${text('referer', referer)}${text('userAgent', userAgent)}}\n`
  );
}

function number(name: string, value: number | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`;
}

/** A text of which ringpost itself makes all characters: ids, digests and codes. */
function plain(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":"${value}"`;
}

function text(name: string, value: string | undefined): string {
  if (value === undefined) return '';
  return `,"${name}":${special.test(value) ? quoted(value) : `"${value}"`}`;
}

function quoted(value: string): string {
  return JSON.stringify(value).replaceAll(
    unprintable,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
