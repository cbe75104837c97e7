import { stat } from 'node:fs/promises';
import { setSourceMapsSupport } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { shownPath } from '#shared/process/code-frame.ts';

import type { ReplyBudget } from './reply-budget.ts';
import { createFetchHandler } from './fetch-handler.ts';
import type { Handler } from './handler.ts';
import type { HandlerOutput } from './handler-output.ts';
import { explainImport } from './import-fault.ts';
import { acceptLazyRequests } from './lazy/request.ts';
import { installLazyResponse } from './lazy/response.ts';
import { HandlerLoadError } from '#shared/contract/handler-load-error.ts';

/** @returns the beginning of all errors about the file. */
function notLoaded(path: string): string {
  return `HANDLER ${shownPath(resolve(path))} cannot be loaded`;
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new HandlerLoadError(`${notLoaded(path)}: there is no file ${file}`);
  // Stacks of bundled and compiled code name the files that the user wrote. Those of packages do not change.
  setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
  try {
    // A module's namespace is an object with its exports.
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const { reason, frame } = await explainImport(cause, file);
    throw new HandlerLoadError(`${notLoaded(path)}: ${reason}`, { cause, frame });
  }
}

/**
 * Loads the handler in a user's file: its default export, `{ fetch(request, context) }` or the bare function,
 * as in Hono, itty-router and plain fetch-style apps. If the export has `close()` or
 * `[Symbol.asyncDispose]()`, that is called once on close. CONNECT, TRACE and TRACK, which no `Request` can
 * carry, answer 501.
 * @param path the file, relative to the working directory or absolute.
 * @param replica the replica's name, passed on in the context.
 * @param budget limits the bytes of answers.
 * @param output learns which request prints; undefined if what is printed belongs to no request.
 * @throws {HandlerLoadError} that names the file, if there is none, if it cannot be imported, or if it
 * exports no handler.
 */
export async function loadModuleHandler(
  path: string,
  replica: string,
  budget: ReplyBudget,
  output?: HandlerOutput,
): Promise<Handler> {
  // Before the module can keep the global classes in variables of its own.
  installLazyResponse();
  acceptLazyRequests();
  const exported = (await importModule(path))['default'];
  return createFetchHandler(exported, {
    where: `HANDLER ${path}`,
    what: 'the default export',
    replica,
    budget,
    output,
    unusable: (text) => new HandlerLoadError(`${notLoaded(path)}: ${text}`),
  });
}
