/**
 * A program that loads a handler as a worker does, and writes one line to stdout that says whether that
 * works. It serves nothing. `ringpost dev` runs it before it lets workers load a changed handler.
 */
import type { LoadReport } from '#shared/contract/load-report.ts';
import { loadReportMark } from '#shared/contract/load-report.ts';
import { loadModuleHandler } from './handlers/module.ts';
import { ReplyBudget } from './handlers/reply-budget.ts';

/** The error that the module itself threw, if the loader has wrapped it. */
function origin(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause !== undefined ? origin(thrown.cause) : thrown;
}

async function report(content: LoadReport): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdout.write(`\n${loadReportMark}${JSON.stringify(content)}\n`, () => resolve());
  });
}

async function fail(thrown: unknown): Promise<never> {
  const error = origin(thrown);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  await report({ message, stack: error instanceof Error ? String(error.stack) : '' });
  process.exit(1);
}

// A worker only logs a rejected promise that nothing handles, and ends after an exception.
process.on('unhandledRejection', () => undefined);
process.on('uncaughtException', (error) => void fail(error));
try {
  const handler = await loadModuleHandler(process.argv[2] ?? '', 'preflight', new ReplyBudget(1024));
  await report({});
  await handler.close();
} catch (error) {
  await fail(error);
}
process.exit(0);
