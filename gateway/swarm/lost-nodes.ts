/**
 * Swarm knows after 13 to 16 s that a node is lost, and says until then that it is ready. In ms, with a
 * margin.
 */
const swarmKnowsMs = 20_000;

interface SeenTask {
  readonly ID: string;
  readonly NodeID?: string;
  readonly Status: { readonly State: string };
}

/**
 * The nodes that seem to be lost: a worker on them lost its lease, or they do not begin a task. No worker is
 * started there until they show a sign of life, or Swarm must know better.
 */
export class LostNodes {
  readonly #since = new Map<string, number>();
  #before = new Map<string, SeenTask>();

  /** @param now on a clock that never goes back, in ms; so in all methods. */
  add(nodeId: string, now: number): void {
    this.#since.set(nodeId, now);
  }

  has(nodeId: string, now: number): boolean {
    return now - (this.#since.get(nodeId) ?? Number.NEGATIVE_INFINITY) < swarmKnowsMs;
  }

  /**
   * Looks for signs of life: once a task has begun, only its node changes its state, and it is deleted once
   * its node has ended it.
   */
  observe(tasks: readonly SeenTask[]): void {
    const now = new Map(tasks.map((task) => [task.ID, task]));
    for (const [id, { NodeID = '', Status }] of this.#before) {
      const state = now.get(id)?.Status.State ?? 'deleted';
      const isFromNode = state === 'deleted' ? hasBegun(Status.State) : hasBegun(state);
      if (state !== Status.State && isFromNode) this.#since.delete(NodeID);
    }
    this.#before = now;
  }
}

/** @returns whether a task's node has answered, as opposed to a manager. */
function hasBegun(state: string): boolean {
  return !['new', 'allocated', 'pending', 'assigned', 'orphaned'].includes(state);
}
