import process from 'node:process';
import { safeMessage } from './safe-error.ts';

/** Why a process stops: it was told to by a signal, or something in it has failed. */
export type StopCause = 'signal' | 'fault';

export interface Termination {
  /** Milliseconds to finish what is in flight. */
  readonly timeoutMs: number;
  /**
   * Stops accepting, finishes what is in flight, closes; resolves when nothing runs any more. It is called once, with what
   * came first.
   */
  readonly stop: (cause: StopCause) => Promise<void>;
  /** Names what is still in flight, for the case that it has to be abandoned. */
  readonly inFlight: () => readonly string[];
  /** Tells in words what the stop waits for; undefined if it is nothing that a person would know. Never rejects. */
  readonly waitingFor?: () => Promise<string | undefined>;
}

/** A terminal's Ctrl-C arrives twice, from the terminal and from npm; signals closer than this are one, in ms. */
const sameSignalMs = 300;
/** A stop says after this time what it waits for, and after each further such time if that has changed, in ms. */
const sayEveryMs = 1000;

/**
 * Ends the process on SIGTERM or SIGINT: exit 0 once it has stopped; exit 1, after naming what was abandoned on
 * stderr, on a second signal or when the time has run out. Meanwhile it says on stderr what it waits for.
 * @returns a function that ends the process in the same way because of a fault, with exit 1. While it stops already, the
 * function changes nothing.
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
    process.stderr.write(`ringpost: ${why}; abandoned ${what}\n`);
    process.exit(1);
  };
  let said: string | undefined;
  const say = async (): Promise<void> => {
    const what = await waitingFor?.();
    if (what !== undefined && what !== said)
      process.stderr.write(`ringpost: waiting for ${what}; a second Ctrl-C forces it\n`);
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
