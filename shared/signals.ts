import process from 'node:process';

export interface Termination {
  /** Milliseconds to finish what is in flight. */
  readonly timeoutMs: number;
  /** Stops accepting, finishes what is in flight, closes; resolves when nothing runs any more. */
  readonly stop: () => Promise<void>;
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
 */
export function onTermination({ timeoutMs, stop, inFlight, waitingFor }: Termination): void {
  let first: number | undefined;
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
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (first !== undefined) {
      if (now - first > sameSignalMs) abandon(`a second signal (${signal})`);
      return;
    }
    first = now;
    setTimeout(() => abandon(`not finished within ${timeoutMs} ms of ${signal}`), timeoutMs);
    setInterval(() => void say(), sayEveryMs);
    stop().then(
      () => process.exit(0),
      (error: unknown) => abandon(`stopping failed: ${String(error)}`),
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
