import type { RequestQuery } from '#shared/client/operator-client.ts';
import type { ListedRequestView } from '#shared/contract/api/requests.ts';
import type { Context } from './context.ts';
import { gatewaySides } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { Paint } from './paint.ts';
import { shownDuration, shownText } from './shown.ts';
import { table } from './table.ts';

/** The options by which requests are chosen. */
export interface ListOptions extends GatewayOptions {
  readonly key?: string;
  readonly replica?: string;
  readonly state?: string;
  readonly status?: string;
  /** RFC 3339. */
  readonly since?: string;
  readonly limit?: number;
}

const defaultLimit = 50;
/** How many a gateway lists on one page. */
const maxOnPage = 200;

/** Prints the requests with a record that match, the latest first. */
export async function listRequests(options: ListOptions, context: Context): Promise<void> {
  const { key, replica, state, status, since, limit = defaultLimit } = options;
  const query: RequestQuery = {
    limit: Math.min(limit, maxOnPage),
    ...(key === undefined ? {} : { key }),
    ...(replica === undefined ? {} : { replica }),
    ...(state === undefined ? {} : { state }),
    ...(status === undefined ? {} : { status }),
    ...(since === undefined ? {} : { from: since }),
  };
  const requests: ListedRequestView[] = [];
  for await (const request of gatewaySides(options, context).operator.requests(query)) {
    requests.push(request);
    if (requests.length === limit) break;
  }
  const { output } = context;
  output.show({ requests }, () => requestRows(requests, Date.now(), output.paint));
}

/** @param now in ms since the epoch. */
function requestRows(requests: readonly ListedRequestView[], now: number, paint: Paint): string[] {
  if (requests.length === 0)
    return ['No request with a record matches. Async requests have one, and those that failed late.'];
  const rows = requests.map(({ id, state, status, code, method, path, replica, accepted, attempts }) =>
    [
      id,
      state,
      status === null ? (code ?? '') : String(status),
      `${method} ${path}`,
      replica,
      String(attempts),
      shownDuration(now - accepted),
    ].map(shownText),
  );
  return table(['REQUEST', 'STATE', 'STATUS', 'WHAT', 'REPLICA', 'ATTEMPTS', 'AGE'], rows, paint);
}
