import { endingOf } from '../drivers/driver.ts';
import type { Ending } from '../drivers/driver.ts';
import type { SwarmTask } from './swarm-objects.ts';

/**
 * What a task says about its worker.
 *
 *   unplaced  Swarm has found no node yet; `why` says what it looks for
 *   assigned  a node is to run it, and the node has not answered
 *   starting  the node prepares it
 *   running   its container runs
 *   refused   it never ran, and never will
 *   ended     its container ran and has ended
 */
export type TaskState =
  | { readonly is: 'unplaced'; readonly why: string | undefined }
  | { readonly is: 'assigned' | 'starting' | 'running' }
  | { readonly is: 'refused'; readonly why: string }
  | { readonly is: 'ended'; readonly ending: Ending };

/** How a worker ends whose service was removed. */
export const removed: Ending = { reason: 'removed', clean: true };

/** How Swarm reports a process that ended by itself. */
const exited = /^task: non-zero exit/;

/**
 * @param image what the image is called in settings; Swarm's messages have its id.
 * @param node where the task is, for messages; undefined if it has no node.
 */
export function taskState(task: SwarmTask, image: string, node: string | undefined): TaskState {
  const { State, Err = '', ContainerStatus } = task.Status;
  const isRemoved = task.DesiredState === 'remove';
  const said = Err.replaceAll(task.Spec.ContainerSpec.Image, image);
  const why = node === undefined ? said : `${said} (on node ${node})`;
  switch (State) {
    case 'new':
    case 'allocated':
    case 'pending':
      return { is: 'unplaced', why: Err === '' ? undefined : said };
    case 'assigned':
    case 'running':
      return { is: State };
    case 'accepted':
    case 'preparing':
    case 'ready':
    case 'starting':
      return { is: 'starting' };
    case 'complete':
      return { is: 'ended', ending: isRemoved ? removed : endingOf(0) };
    case 'rejected':
      return { is: 'refused', why };
    case 'failed':
      // Another error is the engine's, which could not start the container.
      return Err === '' || exited.test(Err)
        ? { is: 'ended', ending: isRemoved ? removed : endingOf(ContainerStatus?.ExitCode) }
        : { is: 'refused', why };
    case 'orphaned':
      return { is: 'ended', ending: { reason: 'its node is gone', clean: false } };
    default:
      // `shutdown`, `remove`: Swarm has ended it, because its service was removed or its node was drained.
      return { is: 'ended', ending: isRemoved ? removed : { reason: 'ended by Swarm', clean: true } };
  }
}

/** @returns whether a worker may run, or may yet be started. */
export function isLive({ is }: TaskState): boolean {
  return is !== 'refused' && is !== 'ended';
}
