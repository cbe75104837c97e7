import type { LoggedRequest } from './logged-request.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What may not be in a quoted field as it is. Apache escapes the same. */
const special = /["\\]|[^\x20-\x7e]/g;

/**
 * @returns a line in Apache's format `combined`, then further fields as `name="value"`. Only known ones are
 * there. Source: https://httpd.apache.org/docs/2.4/mod/mod_log_config.html
 */
export function combinedLine(request: LoggedRequest): string {
  const { at, method, path, protocol, status, bytesOut, client, referer, userAgent } = request;
  const { id, key, reason, mode, replica, attempt, adoptedBy, traceId } = request;
  const { queueMs, serviceMs, totalMs, bytesIn } = request;
  return (
    `${client === '' ? '-' : client} - - [${clfTime(at)}] "${method} ${escaped(path)} ${protocol}" ${status} ` +
    `${bytesOut === 0 ? '-' : bytesOut} "${escaped(referer ?? '-')}" "${escaped(userAgent ?? '-')}"` +
    field('id', id) +
    field('key', key) +
    field('reason', reason) +
    field('mode', mode) +
    field('replica', replica) +
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
  return text.replaceAll(special, (each) => {
    if (each === '"' || each === '\\') return `\\${each}`;
    return Array.from(Buffer.from(each, 'utf8'), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(
      '',
    );
  });
}

let lastSecond = Number.NaN;
let lastTime = '';

/** @returns a time in UTC as in `29/Nov/2026:18:43:31 +0000`. Most calls are in the same second as the last. */
function clfTime(at: number): string {
  const second = Math.floor(at / 1000);
  if (second === lastSecond) return lastTime;
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  lastSecond = second;
  lastTime = `${day}:${clock} +0000`;
  return lastTime;
}
