import type { HandlerContext } from './handler.ts';

export type { HandlerContext } from './handler.ts';

/** Answers one request. What it throws becomes 500 `handler_failed`, and the replica lives on. */
export type FetchFunction = (request: Request, context: HandlerContext) => Response | Promise<Response>;

/** What a `HANDLER` file exports as its default, and what `createWorker` takes. */
export interface FetchHandler {
  readonly fetch: FetchFunction;
  /** Called once when the worker of a `HANDLER` file leaves. */
  close?(): void | Promise<void>;
}

/** A fetch-style handler: an object with `fetch`, as Hono's apps are, or the bare function. */
export type Handler = FetchHandler | FetchFunction;
