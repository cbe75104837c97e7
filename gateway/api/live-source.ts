import type { ApiEvents } from '#shared/contract/api/events.ts';
import { shortId } from './short-id.ts';

/** Where requests are shown as they end. */
export interface LiveSource {
  /**
   * Calls `listener` with the requests that end from now on, in batches, at most four times a second.
   * @returns a function that ends the calls.
   */
  watch(listener: (batch: ApiEvents['live']) => void): () => void;
}

/** @returns requests as a viewer sees them: an id opens an answer. */
export function forViewer({ requests, left }: ApiEvents['live']): ApiEvents['live'] {
  return { requests: requests.map((request) => ({ ...request, id: shortId(request.id) })), left };
}
