/**
 * Calls `act` at each multiple of a period since the start of the process. Timers whose periods divide one
 * another run in the same turn of the event loop, so that an idle process wakes up once for all of them. A
 * call that is late by a period or more is made once.
 * @param everyMs the period in ms.
 * @returns a function that ends the calls.
 */
export function inStep(everyMs: number, act: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const now = performance.now();
    // A timer may be early by a millisecond.
    const next = (Math.floor((now + 1) / everyMs) + 1) * everyMs;
    timer = setTimeout(run, Math.ceil(next - now));
  };
  const run = (): void => {
    wait();
    act();
  };
  wait();
  return () => clearTimeout(timer);
}
