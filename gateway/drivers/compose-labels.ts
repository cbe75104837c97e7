import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import { askEngine, ignore } from './engine-call.ts';

/** Labels by which docker compose recognises the containers of a project. */
export type ComposeLabels = Readonly<Record<string, string>>;

const label = (name: string): string => `com.docker.compose.${name}`;

/** The label that names a container's project. */
export const projectLabel = label('project');

/** What the containers of one project have in common, besides the project's name. */
const shared = ['project.config_files', 'project.working_dir', 'version'].map(label);

/**
 * @param docker the engine that may run this process in a container.
 * @param ms time in which the engine has to answer.
 * @returns labels for replicas, so that compose lists them and removes them as orphans of the project; none
 * if this process does not run in compose.
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
    // No compose file defines this service, so `up` leaves its containers alone.
    [label('service')]: 'replica',
    [label('oneoff')]: 'False',
    [label('container-number')]: '1',
    // Compose 2 ignores containers without it.
    [label('config-hash')]: 'ringpost',
  };
}

/** @returns the id of the container in which this process runs; undefined outside of a container. */
async function ownContainerId(): Promise<string | undefined> {
  return containerIdIn(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));
}

/**
 * @param mounts as `/proc/self/mountinfo` lists them. The engine mounts `/etc/hostname` from the container's
 * directory, whose name is the id.
 */
export function containerIdIn(mounts: string): string | undefined {
  return /\/([0-9a-f]{64})\/hostname \/etc\/hostname /.exec(mounts)?.[1];
}
