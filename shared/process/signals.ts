import process from 'node:process';
import { safeMessage } from './safe-error.ts';
import { writeStderr } from './stderr.ts';

/** Why a process stops: a signal, or a failure inside it. */
export type StopCause = 'signal' | 'fault';

export interface Termination {
  /** Time in ms to finish the requests in flight. */
  readonly timeoutMs: number;
  /**
   * Stops accepting requests, finishes those in flight and closes; resolves when nothing runs. It is
   * called once, with the first cause.
   */
  readonly stop: (cause: StopCause) => Promise<void>;
  /** The ids of the requests in flight, which are named if they have to be abandoned. */
  readonly inFlight: () => readonly string[];
  /** Describes what the stop waits for; undefined if there is nothing to say. Never rejects. */
  readonly waitingFor?: () => Promise<string | undefined>;
}

/**
 * Ctrl-C in a terminal arrives twice: from the terminal and from npm. Signals within this time in ms count as
 * one.
 */
const sameSignalMs = 300;
/** How often a stop says what it waits for, if that has changed, in ms. */
const sayEveryMs = 1000;

/**
 * Ends the process on SIGTERM or SIGINT, with exit code 0 once it has stopped. On a second signal, or if the
 * time runs out, it names the abandoned requests on stderr and exits with 1. Until then it says on stderr
 * what it waits for.
 * @returns a function that ends the process in the same way because of a fault, with exit code 1. It does
 * nothing if the process is stopping already.
 */
export function onTermination({
  timeoutMs,
  stop,
  inFlight,
  waitingFor,
}: Termination): (reason: string) => void {
  let stopping = false;
  let signalled: number | undefined;
  const abandon = (why: string): never => {
    const names = inFlight();
    const what = names.length === 0 ? 'nothing in flight' : `${names.length} in flight: ${names.join(' ')}`;
    writeStderr(`ringpost: ${why}; abandoned ${what}\n`);
    process.exit(1);
  };
  let said: string | undefined;
  const say = async (): Promise<void> => {
    const what = await waitingFor?.();
    if (what !== undefined && what !== said)
      writeStderr(`ringpost: waiting for ${what}; a second Ctrl-C forces it\n`);
    said = what;
  };
  const leave = (cause: StopCause, reason: string): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => abandon(`not finished within ${timeoutMs} ms of ${reason}`), timeoutMs);
    setInterval(() => void say(), sayEveryMs);
    stop(cause).then(
      () => process.exit(cause === 'signal' ? 0 : 1),
      (error: unknown) => abandon(`stopping failed: ${safeMessage(error)}`),
    );
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (signalled !== undefined && now - signalled > sameSignalMs) abandon(`a second signal (${signal})`);
    signalled ??= now;
    leave('signal', signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return (reason) => leave('fault', reason);
}
