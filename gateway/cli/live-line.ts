import type { LiveRequestView } from '#shared/contract/api/requests.ts';
import type { Paint } from './paint.ts';
import { shownText } from './shown.ts';

/** Columns of a replica's name that most fit in. */
const replicaColumns = 8;

/**
 * @returns a request that has ended, as one line: when it arrived, status, replica, times, method, path,
 * and what is unusual.
 */
export function liveLine(request: LiveRequestView, paint: Paint): string {
  const { id, at, method, path, replica, status, code, attempt, adoptedBy } = request;
  const time = new Date(at).toTimeString().slice(0, 8);
  const unusual = [
    ...(code === null ? [] : [code]),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(adoptedBy === null ? [] : [`by ${adoptedBy}`]),
    ...(request.mode === 'async' ? ['async'] : []),
  ].join(', ');
  return [
    paint.dim(time),
    statusText(status, paint),
    shownText(replica ?? '-').padEnd(replicaColumns),
    duration(request.totalMs),
    paint.dim(`(wait ${shownMs(request.queueMs)}, run ${shownMs(request.serviceMs)})`),
    shownText(`${method} ${path}`),
    ...(unusual === '' ? [] : [paint.warning(shownText(unusual))]),
    paint.dim(shownText(id)),
  ].join('  ');
}

function statusText(status: number, paint: Paint): string {
  if (status >= 500) return paint.bad(String(status));
  return status >= 400 ? paint.warning(String(status)) : paint.good(String(status));
}

function duration(ms: number): string {
  return shownMs(ms).padStart(8);
}

function shownMs(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
