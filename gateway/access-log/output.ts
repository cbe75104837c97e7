import { write } from 'node:fs';
import { Socket } from 'node:net';

/** Takes one text at a time. `onDone` is called when the operating system has it, or with why it has not. */
export type Output = (text: string, onDone: (error: Error | null | undefined) => void) => void;

/** How soon a descriptor that takes nothing now is tried again, in ms. */
const retryMs = 20;

/**
 * @returns the stdout of this process, so that no write waits in the event loop. Node writes to a pipe or a
 * socket without blocking; it would block for a file or a terminal, so a thread writes to these.
 */
export function stdoutOutput(): Output {
  const { stdout } = process;
  if (!(stdout instanceof Socket) || stdout.isTTY) return descriptorOutput(1);
  // Its errors are given to the callback of the write. Without a listener they would end the process.
  stdout.on('error', () => undefined);
  return (text, onDone) => void stdout.write(text, onDone);
}

/** @param descriptor of a file or terminal that is open for writing. */
export function descriptorOutput(descriptor: number): Output {
  return (text, onDone) => {
    const bytes = Buffer.from(text, 'latin1');
    const writeFrom = (at: number): void =>
      write(descriptor, bytes, at, (error, written) => {
        if (error?.code === 'EAGAIN') setTimeout(writeFrom, retryMs, at);
        else if (error === null && at + written < bytes.length) writeFrom(at + written);
        else onDone(error);
      });
    writeFrom(0);
  };
}
