import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { askEngine, ignore } from './engine-call.ts';

/** Labels by which docker compose knows what belongs to a project. */
export type ComposeLabels = Readonly<Record<string, string>>;

const label = (name: string): string => `com.docker.compose.${name}`;

/** The label that names a container's project. */
export const projectLabel = label('project');

/** What containers of one project have in common, beside its name. */
const shared = ['project.config_files', 'project.working_dir', 'version'].map(label);

/**
 * @param docker the engine on which this process may itself be a container.
 * @param ms how long the engine has for its answer.
 * @returns the labels that replicas get, so that compose lists them and removes them as orphans of the project; none if
 * this process does not run in compose.
 */
export async function composeLabels(docker: Docker, ms: number): Promise<ComposeLabels> {
  const id = await ownContainerId();
  if (id === undefined) return {};
  const container = docker.getContainer(id);
  const own = await askEngine(ms, (abortSignal) => container.inspect({ abortSignal })).catch(ignore(404));
  return replicaLabels(own?.Config.Labels ?? {});
}

/** @param own the labels of the controller's container. */
export function replicaLabels(own: ComposeLabels): ComposeLabels {
  const project = own[projectLabel];
  if (project === undefined) return {};
  return {
    ...Object.fromEntries(shared.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]]))),
    [projectLabel]: project,
    // No compose file defines it: `up` leaves its containers alone.
    [label('service')]: 'replica',
    [label('oneoff')]: 'False',
    [label('container-number')]: '1',
    // Compose 2 passes over containers without it.
    [label('config-hash')]: 'ringpost',
  };
}

/** @returns the id of the container that this process runs in; undefined outside of one. */
async function ownContainerId(): Promise<string | undefined> {
  return containerIdIn(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));
}

/**
 * @param mounts as `/proc/self/mountinfo` lists them. The engine mounts the file of the hostname from the container's own
 * directory.
 */
export function containerIdIn(mounts: string): string | undefined {
  return /\/([0-9a-f]{64})\/hostname \/etc\/hostname /.exec(mounts)?.[1];
}
