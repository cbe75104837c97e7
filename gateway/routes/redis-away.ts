import { Problem } from '#shared/contract/errors.ts';

/**
 * @throws {Problem} the problem that `ask` throws; `redis_away` for any other error, since it only asks
 * Redis.
 */
export async function redisAway<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('redis_away', 'Redis does not answer.', { cause: error });
  }
}
