import type { Duplex } from 'node:stream';
import type { Container } from 'dockerode';
import { askEngine } from './engine-call.ts';

/**
 * Starts a container that was created with `OpenStdin` and `StdinOnce`, and gives it what it reads from its stdin, to
 * the end. It gets that also if it reads late, and an empty input if this process ends before it has written.
 * @param ms how long the engine has for each call.
 */
export async function startWithInput(container: Container, input: string, ms: number): Promise<void> {
  // Before it runs: the end of a stdin to which nobody is attached never comes.
  const stdin = await attach(container, ms);
  try {
    await askEngine(ms, (abortSignal) => container.start({ abortSignal }));
    stdin.end(input);
  } catch (error) {
    stdin.destroy();
    throw error;
  }
}

async function attach(container: Container, ms: number): Promise<Duplex> {
  let late = false;
  try {
    return await askEngine(ms, async (abortSignal) => {
      // With a body the engine's client would send one that the engine may take for the beginning of the input.
      const options = { _query: { stream: 1, stdin: 1 }, _body: {}, hijack: true, abortSignal };
      const stream = (await container.attach(options)) as Duplex; // the connection itself
      stream.on('error', () => undefined);
      stream.resume();
      if (late) stream.destroy();
      return stream;
    });
  } catch (error) {
    late = true;
    throw error;
  }
}
