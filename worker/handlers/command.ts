import { HandlerLoadError } from '#shared/contract/handler-load-error.ts';
import { CommandFailure } from '../command/command-failure.ts';
import { startProgram } from '../command/program.ts';
import type { Program, ProgramOptions } from '../command/program.ts';
import { isSourced } from './handler.ts';
import type { Handler } from './handler.ts';
import { LateFailureSource } from './late-failure-source.ts';
import { createUpstreamHandler } from './upstream.ts';
import type { UpstreamOptions } from './upstream.ts';
import { brokeOff } from './upstream-failures.ts';

/**
 * How long a broken exchange waits for the end of the program, in ms. The system closes the connections of a
 * process before it reports its end, and a shell or a runtime may take a moment to end.
 */
const endsWithinMs = 1000;
/** What the worker itself needs to leave after its program has ended, in ms. */
const leaveMs = 500;

/**
 * Starts the program of `COMMAND`, and sends each request to it as to an upstream. If the program ends, the
 * requests that it was running are never answered: the worker ends too.
 * @throws {HandlerLoadError} if it is not ready in time.
 */
export async function createCommandHandler(
  options: ProgramOptions,
  upstreamOptions: UpstreamOptions,
): Promise<Handler> {
  const program = await startOrFail(options);
  const upstream = createUpstreamHandler(program.origin, upstreamOptions);
  let closing: Promise<void> | undefined;

  return {
    async handle(request, context) {
      const answer = await upstream.handle(request, context);
      // Without this wait, a request that was lost with the program could be answered as if it lived.
      const outlives = (): Promise<void> => program.outlives(endsWithinMs);
      if (isSourced(answer)) return { ...answer, source: new LateFailureSource(answer.source, outlives) };
      if (brokeOff(answer)) await outlives();
      return answer;
    },
    close(until = 0) {
      closing ??= (async () => {
        // A server that waits for its idle connections ends sooner without them.
        await upstream.close();
        await program.stop(until - leaveMs);
      })();
      return closing;
    },
  };
}

async function startOrFail(options: ProgramOptions): Promise<Program> {
  try {
    return await startProgram(options);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    throw new HandlerLoadError(error.message, { stderr: error.stderr });
  }
}
