import { labels } from '../drivers/container-spec.ts';
import type { SwarmPicture } from './swarm-engine.ts';
import type { SwarmTask } from './swarm-objects.ts';
import { taskState } from './task-state.ts';
import type { TaskState } from './task-state.ts';

/** A service that runs one generation of a replica, with its task. */
export interface SwarmWorker {
  /** Of the service. */
  readonly id: string;
  readonly name: string;
  readonly generation: number;
  readonly config: string;
  /** How the service names its image; undefined before there is a task. */
  readonly image: string | undefined;
  readonly taskId: string | undefined;
  readonly nodeId: string | undefined;
  /** For messages. */
  readonly node: string | undefined;
  readonly state: TaskState;
  /** Whether its service is there. A task without one is being ended by its node. */
  readonly hasService: boolean;
}

/**
 * @param image what the image is called in settings, for messages.
 * @returns the workers of a picture by the ids of their services.
 */
export function workersIn(
  { services, tasks, nodes }: SwarmPicture,
  image: string,
): ReadonlyMap<string, SwarmWorker> {
  const hostnames = new Map(nodes.map(({ ID, Description }) => [ID, Description.Hostname]));
  const newest = new Map<string, SwarmTask>();
  for (const task of tasks) {
    const known = newest.get(task.ServiceID);
    if (known === undefined || task.CreatedAt > known.CreatedAt) newest.set(task.ServiceID, task);
  }
  const byId = new Map(services.map((service) => [service.ID, service]));
  const workers = new Map<string, SwarmWorker>();
  for (const id of new Set([...byId.keys(), ...newest.keys()])) {
    const task = newest.get(id);
    const marks = byId.get(id)?.Spec.Labels ?? task?.Spec.ContainerSpec.Labels ?? {};
    const node = task?.NodeID === undefined ? undefined : (hostnames.get(task.NodeID) ?? task.NodeID);
    workers.set(id, {
      id,
      name: marks[labels.replica] ?? '',
      generation: Number(marks[labels.generation]),
      config: marks[labels.config] ?? '',
      image: task?.Spec.ContainerSpec.Image,
      taskId: task?.ID,
      nodeId: task?.NodeID === '' ? undefined : task?.NodeID,
      node,
      state: task === undefined ? { is: 'unplaced', why: undefined } : taskState(task, image, node),
      hasService: byId.has(id),
    });
  }
  return workers;
}
