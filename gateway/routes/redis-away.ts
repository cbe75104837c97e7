import { Problem } from '#shared/contract/errors.ts';

/**
 * @throws {Problem} what `ask` throws, or `redis_away` where that is no problem: nothing but Redis is asked.
 */
export async function redisAway<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('redis_away', 'Redis does not answer.', { cause: error });
  }
}
