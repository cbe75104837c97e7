import { script } from './script.ts';

/** What Redis tells of a replica's load. */
export interface LoadWord {
  /** How many requests run there or wait without a priority. Streams do not count. */
  readonly load: number;
  /** How many wait with a priority; undefined if this was not read. */
  readonly prioritized: number | undefined;
  /** The `CONCURRENCY` of the worker that serves the queue; undefined if none is registered now. */
  readonly concurrency: number | undefined;
}

/** Reads the load of a replica. */
export const readLoad = script<{ readonly replica: string }, LoadWord>({
  file: 'read-load',
  keys: (keys, { replica }) => {
    const { wait, active, prioritized } = keys.unfinished(replica);
    const paused = keys.bullMq(keys.queue(replica), 'paused');
    return [wait, paused, active, prioritized, keys.consumer(replica)];
  },
  args: () => [],
  decode(reply) {
    // As the Lua file says.
    const [load, prioritized, concurrency] = reply as [number, number, number];
    return { load, prioritized, concurrency: concurrency || undefined };
  },
});
