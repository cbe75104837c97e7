import type { ReplyBudget } from './reply-budget.ts';
import type { ProgramOptions } from '../command/program.ts';
import { createBuiltInHandler } from './built-in.ts';
import type { Handler } from './handler.ts';
import type { HandlerOutput } from './handler-output.ts';
import type { UpstreamOptions } from './upstream.ts';

/**
 * What decides which handler a replica runs. At most one of `handlerPath`, `upstream` and `program` is given.
 */
export interface HandlerChoice {
  /** The replica's name, e.g. `S1`. */
  readonly replica: string;
  /** HANDLER: a file whose default export is a fetch-style handler. */
  readonly handlerPath?: string | undefined;
  /** UPSTREAM: an HTTP server that gets the requests. */
  readonly upstream?: URL | undefined;
  /** COMMAND: a program that serves HTTP, and ends with the handler. */
  readonly program?: ProgramOptions | undefined;
  /** UPSTREAM_HOST and FORWARDED: what the upstream or the program is told. */
  readonly upstreamHost?: UpstreamOptions['host'];
  readonly forwarded?: UpstreamOptions['forwarded'];
  /** The maximum number of connections to the upstream, one request on each. */
  readonly connections: number;
  /** Limits the bytes of answers. */
  readonly budget: ReplyBudget;
  /** Learns which request a module prints for. */
  readonly output?: HandlerOutput | undefined;
}

/**
 * Creates the handler that a replica runs: the module, the upstream, the program, or else the built-in
 * service. Each is imported on demand, so that no worker loads what it does not run.
 * @throws {HandlerLoadError} if the module cannot be loaded, or if the program is not ready in time.
 * @throws {Error} if several are given, or if the upstream is no http(s) URL.
 */
export async function createHandler(choice: HandlerChoice): Promise<Handler> {
  const { replica, handlerPath, upstream, program, connections, budget, output } = choice;
  if ([handlerPath, upstream, program].filter((each) => each !== undefined).length > 1) {
    throw new Error('HANDLER, UPSTREAM and COMMAND exclude each other: set one of them');
  }
  if (handlerPath !== undefined) {
    const { loadModuleHandler } = await import('./module.ts');
    return loadModuleHandler(handlerPath, replica, budget, output);
  }
  const { upstreamHost: host = 'client', forwarded = 'both' } = choice;
  if (upstream !== undefined) {
    const { createUpstreamHandler } = await import('./upstream.ts');
    return createUpstreamHandler(upstream, { connections, budget, host, forwarded });
  }
  if (program !== undefined) {
    const { createCommandHandler } = await import('./command.ts');
    return createCommandHandler(program, { connections, budget, host, forwarded });
  }
  return createBuiltInHandler(replica);
}
