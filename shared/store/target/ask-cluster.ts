import type { Redis } from 'ioredis';
import type { Address } from '../../process/redis-url.ts';
import { SurveyError } from './survey.ts';
import type { Survey } from './survey.ts';

interface Node extends Address {
  readonly id: string;
}

/**
 * @param node a connection to it.
 * @param asked its address: nodes may leave out their own host.
 * @returns what a node of a Cluster says about the master of a slot.
 * @throws {SurveyError} if the server is no node of a Cluster, or nobody has the slot.
 */
export async function askCluster(node: Redis, asked: Address, slot: number): Promise<Survey> {
  try {
    // The slots have the addresses that clients are to use. The nodes have epochs and failures.
    const [slots, nodes] = await Promise.all([node.call('CLUSTER', 'SLOTS'), node.call('CLUSTER', 'NODES')]);
    const ranges = Array.isArray(slots) ? slots.map((row: unknown) => rangeIn(row, asked)) : [];
    const [master] = ranges.find(({ from, to }) => slot >= from && slot <= to)?.nodes ?? [];
    if (master === undefined) throw new SurveyError('no node of its Cluster has the slot of the namespace');
    const lines = String(nodes)
      .split('\n')
      .map((line) => line.split(' '));
    const own = lines.find(([id]) => id === master.id);
    if (has(own, 'fail')) throw new SurveyError('the node of the namespace has failed');
    return {
      master: { host: master.host, port: master.port },
      epoch: Number(own?.[6] ?? 0),
      replicas: lines.filter((line) => line[3] === master.id && !has(line, 'fail')).length,
      others: ranges.flatMap((range) => range.nodes.map(({ host, port }) => ({ host, port }))),
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (/cluster support disabled/.test(error.message)) throw new SurveyError('it is no node of a Cluster');
    throw error;
  }
}

/** A failure that the majority of the masters has seen is `fail`; one that only this node sees is `fail?`. */
function has(line: readonly string[] | undefined, flag: string): boolean {
  return line?.[2]?.split(',').includes(flag) ?? false;
}

function rangeIn(row: unknown, asked: Address): { from: number; to: number; nodes: Node[] } {
  const [from, to, ...nodes]: readonly unknown[] = Array.isArray(row) ? row : [];
  return {
    from: Number(from),
    to: Number(to),
    nodes: nodes.map((node) => {
      const [host, port, id]: readonly unknown[] = Array.isArray(node) ? node : [];
      const named = typeof host === 'string' && host !== '' && host !== '?' ? host : asked.host;
      return { host: named, port: Number(port), id: String(id) };
    }),
  };
}
