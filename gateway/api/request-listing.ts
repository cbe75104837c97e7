import type { ListedRequestView } from '#shared/contract/api/requests.ts';
import { replicaOf, uuidOf } from '#shared/contract/request-id.ts';
import type { RequestRecord } from '#shared/contract/request-record.ts';
import { pathOf } from '#shared/contract/target-path.ts';
import { cursorOf } from './request-query.ts';
import { shownId } from './short-id.ts';

export const requestsPath = '/-/api/requests';

interface Listed {
  readonly id: string;
  readonly replica: string;
  readonly record: RequestRecord;
}

/** Shows a request in a listing, to a viewer without what opens its answer. */
export function listedView({ id, replica, record }: Listed, onlyViews: boolean): ListedRequestView {
  const { state, method, target, accepted, started, finished, attempts, status, code, callback } = record;
  return {
    id: shownId(id, onlyViews),
    self: `${requestsPath}/${onlyViews ? `${cursorOf({ accepted, uuid: uuidOf(id) }, true)}.${replicaOf(id) ?? replica}` : id}`,
    state,
    method,
    path: pathOf(target),
    replica,
    accepted,
    started: started ?? null,
    finished: finished ?? null,
    attempts,
    status: status ?? null,
    code: code ?? null,
    callback: callback ?? null,
    keyDigest: record.keyDigest ?? null,
  };
}
