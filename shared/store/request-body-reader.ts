import { keysOf, redisOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { orNull } from './repair/key-repair.ts';

/** @returns a request's body that is too large to travel in its job; undefined if it is gone, or is no string. */
export async function readRequestBody(
  connection: Connection,
  replica: string,
  id: string,
): Promise<Buffer | undefined> {
  const key = keysOf(connection).requestBody(replica, id);
  return (await orNull(redisOf(connection).getBuffer(key))) ?? undefined;
}

/** Deletes a request's body that is too large to travel in its job. */
export async function removeRequestBody(connection: Connection, replica: string, id: string): Promise<void> {
  await redisOf(connection).unlink(keysOf(connection).requestBody(replica, id));
}
