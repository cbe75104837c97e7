import type { Redis } from 'ioredis';
import { SurveyError } from './survey.ts';
import type { Survey } from './survey.ts';

/**
 * @param sentinel a connection to it.
 * @param name that of the master.
 * @returns what the sentinel says about the master.
 * @throws {SurveyError} if the server is no sentinel, or knows no such master.
 */
export async function askSentinel(sentinel: Redis, name: string): Promise<Survey> {
  try {
    const [current, master, replicas] = await Promise.all([
      // During a failover it is the new master as soon as that one is promoted.
      sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
      sentinel.call('SENTINEL', 'MASTER', name),
      sentinel.call('SENTINEL', 'REPLICAS', name),
    ]);
    const [host, port] = Array.isArray(current) ? current.map(String) : [];
    if (host === undefined || port === undefined) throw new SurveyError(`it knows no master ${name}`);
    return {
      master: { host, port: Number(port) },
      epoch: Number(fields(master).get('config-epoch')),
      replicas: rows(replicas).filter((row) => isUp(row.get('flags') ?? '')).length,
      others: [],
    };
  } catch (error) {
    throw await explained(sentinel, name, error);
  }
}

const isUp = (flags: string): boolean => !/s_down|o_down|disconnected/.test(flags);

async function explained(sentinel: Redis, name: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Error)) return error;
  if (/unknown command/i.test(error.message)) return new SurveyError('it is no sentinel');
  if (!/No such master/.test(error.message)) return error;
  const all = rows(await sentinel.call('SENTINEL', 'MASTERS').catch(() => []));
  const names = all.map((row) => row.get('name') ?? '').join(', ');
  return new SurveyError(`it knows no master ${name}${names === '' ? '' : `, only ${names}`}`);
}

function rows(reply: unknown): Map<string, string>[] {
  return Array.isArray(reply) ? reply.map(fields) : [];
}

/** RESP2 has a list of names and values, RESP3 a map, which ioredis may have as an object. */
function fields(reply: unknown): Map<string, string> {
  const all = new Map<string, string>();
  if (Array.isArray(reply)) {
    for (let at = 0; at + 1 < reply.length; at += 2) all.set(String(reply[at]), String(reply[at + 1]));
  } else if (typeof reply === 'object' && reply !== null) {
    for (const [key, value] of reply instanceof Map ? reply : Object.entries(reply))
      all.set(String(key), String(value));
  }
  return all;
}
