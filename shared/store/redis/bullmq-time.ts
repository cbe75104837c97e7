import type { RedisClock } from './redis-clock.ts';

/** BullMQ scores a delayed job with the time in ms, and a counter of 12 bits below it. */
export const scorePerMs = 0x1000;

/** The part of the backend of a BullMQ `Queue` or `Worker` that is wrapped here. */
interface Backend {
  execCommand(client: unknown, name: string, args: unknown[]): unknown;
  waitForJob(timeout: number): Promise<{ member: string; score: number } | null>;
}

/**
 * The index of the present time in the arguments of BullMQ's scripts: after their keys, and a prefix or an
 * id.
 */
const timeArgument: Readonly<Record<string, number>> = {
  moveToActive: 12,
  moveToDelayed: 12,
  moveToFinished: 15,
};
/** The index in the reply of these scripts at which they say when the next delayed job is due. */
const dueReply = 3;

/**
 * Makes a BullMQ client use Redis time. BullMQ reads the clock of its host, so each time is translated
 * on its way to Redis and back. To the process, times stay in its own clock: pass {@link RedisClock.toOwn} to
 * `moveToDelayed`, and `timestamp` as well as `delay` to `Queue.add`.
 * @param client a client that does not run yet.
 */
export function inRedisTime<Client extends { getBackend(): Backend }>(
  client: Client,
  clock: RedisClock,
): Client {
  const backend = client.getBackend();
  const execute = backend.execCommand.bind(backend);
  const wait = backend.waitForJob.bind(backend);
  backend.execCommand = (connection, name, args) => {
    const at = timeArgument[name];
    if (at === undefined) return execute(connection, name, args);
    const reply = execute(connection, name, args.with(at, clock.now()));
    return Promise.resolve(reply).then((values: unknown) => withOwnDue(values, clock));
  };
  backend.waitForJob = async (timeout) => {
    const marker = await wait(timeout);
    return marker === null || marker.score === 0 ? marker : { ...marker, score: clock.toOwn(marker.score) };
  };
  return client;
}

/**
 * @returns the reply of a script that takes jobs, with the due time of the next delayed job in the host's
 * clock.
 */
function withOwnDue(reply: unknown, clock: RedisClock): unknown {
  if (!Array.isArray(reply)) return reply;
  const values: readonly unknown[] = reply;
  const due = Number(values[dueReply]);
  return due > 0 ? values.with(dueReply, clock.toOwn(due)) : values;
}
