import type { Duplex } from 'node:stream';
import type { Container } from 'dockerode';
import { askEngine } from './engine-call.ts';

/**
 * Starts a container that was created with `OpenStdin` and `StdinOnce`, and writes its whole stdin. The
 * container may read late. If this process ends before it has written, the container reads an empty input.
 * @param ms time in which the engine has to answer each call.
 */
export async function startWithInput(container: Container, input: string, ms: number): Promise<void> {
  // Attached before it runs: a stdin to which no client is attached never ends.
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
      // Without `_body` the client would send a body, which the engine may take for the beginning of the
      // input.
      const options = { _query: { stream: 1, stdin: 1 }, _body: {}, hijack: true, abortSignal };
      const stream = (await container.attach(options)) as Duplex; // The client returns the connection.
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
