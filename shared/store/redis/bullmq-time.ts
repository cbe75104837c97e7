import type { RedisClock } from './redis-clock.ts';

/** What is needed of the backend of a BullMQ `Queue` or `Worker`. */
interface Backend {
  execCommand(client: unknown, name: string, args: unknown[]): unknown;
  waitForJob(timeout: number): Promise<{ member: string; score: number } | null>;
}

/** Where BullMQ's scripts take the present time: behind their keys, and a prefix or an id. */
const placeOfTime: Readonly<Record<string, number>> = {
  moveToActive: 12,
  moveToDelayed: 12,
  moveToFinished: 15,
};
/** Where the answer of these scripts has the time at which the next delayed job is due. */
const placeOfDue = 3;

/**
 * Lets a BullMQ client reckon in the time in Redis. BullMQ itself reads the clock of its host; so each time is translated
 * where it goes to Redis, and where it comes from there. For the process the times of its own clock stay right: `moveToDelayed`
 * is given {@link RedisClock.toOwn}. For `Queue.add` give `timestamp` as well as `delay`.
 * @param client to be given before it runs.
 */
export function inRedisTime<Client extends { getBackend(): Backend }>(
  client: Client,
  clock: RedisClock,
): Client {
  const backend = client.getBackend();
  const execute = backend.execCommand.bind(backend);
  const wait = backend.waitForJob.bind(backend);
  backend.execCommand = (connection, name, args) => {
    const at = placeOfTime[name];
    if (at === undefined) return execute(connection, name, args);
    const answer = execute(connection, name, args.with(at, clock.now()));
    return Promise.resolve(answer).then((values: unknown) => withOwnDue(values, clock));
  };
  backend.waitForJob = async (timeout) => {
    const marker = await wait(timeout);
    return marker === null || marker.score === 0 ? marker : { ...marker, score: clock.toOwn(marker.score) };
  };
  return client;
}

/** @returns the answer of a script that takes jobs, with the next time by the host's own clock. */
function withOwnDue(answer: unknown, clock: RedisClock): unknown {
  if (!Array.isArray(answer)) return answer;
  const values: readonly unknown[] = answer;
  const due = Number(values[placeOfDue]);
  return due > 0 ? values.with(placeOfDue, clock.toOwn(due)) : values;
}
