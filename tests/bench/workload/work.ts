/**
 * The work that the workers of all systems do: it counts the request and answers with its id. On request it
 * reports its counts to the bench over the socket in `BENCH_EXECUTIONS`.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Marks } from './marks.ts';

const tallies = new Map<number, Marks>();
/** How long the work takes, in ms. */
const workMs = Number(process.env['BENCH_WORK_MS'] ?? 0);

/** What the work waits for while it is held. */
let held: PromiseWithResolvers<void> | undefined;

/**
 * Executes a request.
 * @param id `<number of the run>-<number of the request in it>`
 * @returns the id, which is the answer
 */
export function work(id: string): string | Promise<string> {
  const dash = id.indexOf('-');
  const run = Number(id.slice(0, dash));
  let marks = tallies.get(run);
  if (marks === undefined) tallies.set(run, (marks = new Marks()));
  marks.add(Number(id.slice(dash + 1)));
  if (held !== undefined) return held.promise.then(() => id);
  return workMs === 0 ? id : delay(workMs, id);
}

/** @returns the id in a request's path. */
export function idOf(path: string): string {
  const end = path.indexOf('?');
  return path.slice(path.lastIndexOf('/', end === -1 ? undefined : end) + 1, end === -1 ? undefined : end);
}

const path = process.env['BENCH_EXECUTIONS'];
if (path !== undefined) {
  const socket = connect(path);
  socket.write(`${JSON.stringify({ pid: process.pid })}\n`);
  // The socket must not keep the process alive, and its end must not fail the worker.
  socket.unref().on('error', () => undefined);
  createInterface(socket).on('line', (line) => {
    if (line === 'hold') {
      held ??= Promise.withResolvers();
      return;
    }
    if (line === 'release') {
      held?.resolve();
      held = undefined;
      return;
    }
    const run = Number(line);
    socket.write(`${JSON.stringify({ run, marks: tallies.get(run) ?? new Marks() })}\n`);
    for (const each of tallies.keys()) if (each < run) tallies.delete(each);
  });
}
