/**
 * Calls `act` at each multiple of a period since the start of the process. Timers whose periods divide one
 * another run in the same turn of the event loop, so that an idle process wakes up once for all of them. A
 * call that is late by a period or more is made once.
 * @param everyMs the period in ms.
 * @param act gets how late the call is, in ms.
 * @returns a function that ends the calls.
 */
export function inStep(everyMs: number, act: (lateMs: number) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let due = 0;
  const wait = (): void => {
    const now = performance.now();
    // A timer may be early by a millisecond.
    due = (Math.floor((now + 1) / everyMs) + 1) * everyMs;
    timer = setTimeout(run, Math.ceil(due - now));
  };
  const run = (): void => {
    const lateMs = Math.max(0, performance.now() - due);
    wait();
    act(lateMs);
  };
  wait();
  return () => clearTimeout(timer);
}
