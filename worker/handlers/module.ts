import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { ReplyBudget } from './reply-budget.ts';
import { createFetchHandler } from './fetch-handler.ts';
import type { Handler } from './handler.ts';
import { acceptLazyRequests } from './lazy/request.ts';
import { installLazyResponse } from './lazy/response.ts';

async function importModule(path: string): Promise<Record<string, unknown>> {
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new Error(`HANDLER ${path}: there is no file ${file}`);
  try {
    // A module's namespace is an object with its exports.
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`HANDLER ${path}: cannot be imported: ${reason}`, { cause });
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
 * @throws {Error} that names the file, if there is none, if it cannot be imported, or if it exports no
 * handler.
 */
export async function loadModuleHandler(
  path: string,
  replica: string,
  budget: ReplyBudget,
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
  });
}
