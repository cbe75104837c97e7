import { clfTime } from './line-times.ts';
import type { LoggedRequest } from './logged-request.ts';

/** What may not be in a quoted field as it is. Apache escapes the same. */
const special = /["\\]|[^\x20-\x7e]/;
const eachSpecial = new RegExp(special, 'g');

/**
 * @returns a line in Apache's format `combined`, then further fields as `name="value"`. Fields that
 * are not known are left out. Source: https://httpd.apache.org/docs/2.4/mod/mod_log_config.html
 */
export function combinedLine(request: LoggedRequest): string {
  const { at, method, path, protocol, status, bytesOut, client, referer, userAgent } = request;
  const { id, key, reason, aborted, mode, replica, attempt, adoptedBy, traceId, spilledFrom } = request;
  const { queueMs, serviceMs, totalMs, bytesIn } = request;
  return (
    `${client === '' ? '-' : client} - - [${clfTime(at)}] "${method} ${escaped(path)} ${protocol}" ${status} ` +
    `${bytesOut === 0 ? '-' : bytesOut} "${escaped(referer ?? '-')}" "${escaped(userAgent ?? '-')}"` +
    field('id', id) +
    field('key', key) +
    field('reason', reason) +
    field('aborted', aborted) +
    field('mode', mode) +
    field('replica', replica) +
    field('spilled_from', spilledFrom) +
    field('attempt', attempt) +
    field('adopted_by', adoptedBy) +
    field('queue_ms', queueMs) +
    field('service_ms', serviceMs) +
    field('total_ms', totalMs) +
    field('bytes_in', bytesIn) +
    field('trace', traceId) +
    '\n'
  );
}

function field(name: string, value: string | number | undefined): string {
  if (value === undefined) return '';
  return ` ${name}="${typeof value === 'number' ? value : escaped(value)}"`;
}

function escaped(text: string): string {
  if (!special.test(text)) return text;
  return text.replaceAll(eachSpecial, (each) => {
    if (each === '"' || each === '\\') return `\\${each}`;
    // Node reads each byte of a head as one character.
    return `\\x${(each.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`;
  });
}
