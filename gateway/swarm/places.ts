import { LostNodes } from './lost-nodes.ts';
import { emptiest, nextMove, replicasOn, usableNodes } from './placement.ts';
import type { Move } from './placement.ts';
import type { SwarmPicture } from './swarm-engine.ts';
import type { SwarmNode } from './swarm-objects.ts';
import type { SwarmWorker } from './swarm-workers.ts';

/** Where a worker may be placed. */
export interface Attempt {
  readonly constraints: readonly string[];
  /** Whether nothing is left to try if Swarm finds no node. */
  readonly isLast: boolean;
}

/** A node has to be usable for this long before replicas move to it, in ms. */
const steadyMs = 15_000;
/** If a worker could not be placed where it should, none moves for this long, in ms. */
const pauseMs = 300_000;

/** Decides on which nodes workers run. It remembers lost nodes, and where workers are about to be. */
export class Places {
  readonly #constraints: readonly string[];
  readonly #spread: boolean;
  readonly #lost = new LostNodes();
  #nodes: readonly SwarmNode[] = [];
  #workers: readonly SwarmWorker[] = [];
  /** Since when each node has been usable. */
  #usableSince = new Map<string, number>();
  /** The nodes of workers that are being started, by {@link key}. */
  readonly #planned = new Map<string, string>();
  #move: Move | undefined;
  #pausedUntil = 0;

  /**
   * @param constraints of all replicas.
   * @param spread whether replicas move to nodes that have fewer.
   */
  constructor(constraints: readonly string[], spread: boolean) {
    this.#constraints = constraints;
    this.#spread = spread;
  }

  /** The worker that is to be replaced by one on another node. */
  get move(): Move | undefined {
    return this.#move;
  }

  /** @returns whether Swarm says that a node is there. */
  isUp(nodeId: string | undefined): boolean {
    return this.#nodes.some(({ ID, Status }) => ID === nodeId && Status.State === 'ready');
  }

  /** A worker on the node lost its lease, or the node does not begin one. */
  lost(nodeId: string): void {
    this.#lost.add(nodeId, performance.now());
  }

  /**
   * @param workers that run.
   * @returns whether another worker is to move than before.
   */
  observe(picture: SwarmPicture, workers: readonly SwarmWorker[]): boolean {
    const now = performance.now();
    this.#lost.observe(picture.tasks);
    this.#nodes = picture.nodes;
    this.#workers = workers;
    const usable = this.#usable();
    this.#usableSince = new Map(usable.map(({ ID }) => [ID, this.#usableSince.get(ID) ?? now]));
    const before = this.#move?.id;
    this.#move = this.#nextMove(usable, now);
    return this.#move?.id !== before;
  }

  /**
   * Where to place a worker, best first: on the node with the fewest replicas; on one that is not lost; on
   * any that fulfils the constraints of all replicas. {@link settle} has to follow.
   */
  *attempts(name: string, generation: number): Generator<Attempt> {
    const usable = this.#usable();
    const on = replicasOn(this.#workers, name);
    const placed = new Set(
      this.#workers.flatMap((each) => (each.nodeId === undefined ? [] : [keyOf(each.name, each.generation)])),
    );
    const planned = [...this.#planned].flatMap(([key, nodeId]) => (placed.has(key) ? [] : [nodeId]));
    const countOn = (id: string): number =>
      (on.get(id)?.length ?? 0) + planned.filter((nodeId) => nodeId === id).length;
    const best = emptiest(usable, countOn);
    const lost = this.#nodes.filter(({ ID }) => this.#lost.has(ID, performance.now()));
    if (best !== undefined) {
      this.#planned.set(keyOf(name, generation), best.ID);
      yield { constraints: [...this.#constraints, `node.id==${best.ID}`], isLast: false };
      // Swarm sees a reason against it that is not known here.
      this.#planned.delete(keyOf(name, generation));
      this.#pausedUntil = performance.now() + pauseMs;
      const others = lost.map(({ ID }) => `node.id!=${ID}`);
      if (lost.length > 0) yield { constraints: [...this.#constraints, ...others], isLast: false };
    }
    yield { constraints: this.#constraints, isLast: true };
  }

  /** The worker is listed from now on, or was not started. */
  settle(name: string, generation: number): void {
    this.#planned.delete(keyOf(name, generation));
  }

  #usable(): SwarmNode[] {
    const now = performance.now();
    return usableNodes(this.#nodes, this.#constraints, (id) => this.#lost.has(id, now));
  }

  #nextMove(usable: readonly SwarmNode[], now: number): Move | undefined {
    if (!this.#spread) return undefined;
    const moving = this.#workers.find(({ id }) => id === this.#move?.id);
    // Its replacement counts where it is, so that nodes may look even before the move is over.
    const isUnderWay = this.#workers.some(
      ({ name, generation }) => name === moving?.name && generation > moving.generation,
    );
    if (moving !== undefined && isUnderWay) return this.#move;
    if (now < this.#pausedUntil) return undefined;
    const isSteady = ({ ID }: SwarmNode): boolean => now - (this.#usableSince.get(ID) ?? now) >= steadyMs;
    return nextMove(this.#workers, usable, usable.filter(isSteady));
  }
}

function keyOf(name: string, generation: number): string {
  return `${name}#${generation}`;
}
