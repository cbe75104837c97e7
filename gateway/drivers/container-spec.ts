import { createHmac } from 'node:crypto';
import type { ContainerCreateOptions } from 'dockerode';
import type { ComposeLabels } from './compose-labels.ts';

/** What every replica's container is made from. All of it comes from settings, never from a client. */
export interface ContainerSettings {
  readonly namespace: string;
  readonly image: string;
  /** The network that the containers join; `host` for that of the machine. */
  readonly network: string;
  /**
   * The URL that workers open. Each reads it from stdin, or from a secret of the swarm, so that neither its
   * environment nor a label contains it.
   */
  readonly redisUrl: string;
  /** The worker's settings as `NAME=value`, without its name and generation. */
  readonly env: readonly string[];
  /** `/path/on/the/engine's/machine:/path/in/the/container`, mounted read-only. */
  readonly mounts: readonly string[];
  readonly memoryBytes: number;
  /** Processors, 0 for no limit. */
  readonly cpus: number;
  readonly pids: number;
  /** Seconds between SIGTERM and SIGKILL; longer than a worker's drain. */
  readonly stopTimeoutS: number;
}

/** The labels that identify our containers. */
export const labels = {
  namespace: 'ringpost.namespace',
  replica: 'ringpost.replica',
  generation: 'ringpost.generation',
  config: 'ringpost.config',
} as const;

/**
 * The name of a replica's new container while the container of an older generation still has the replica's
 * name. It is longer than a replica's name can be, so that no other container has it.
 */
export function temporaryName(replica: string): string {
  return `${replica}.takes-over-from-a-container-of-another-image-or-configuration`;
}

/** The image's user `node`. */
export const workerUser = '1000:1000';
/** Size of a worker's `/tmp`, which is its only place to write. */
export const workerTmpMiB = 64;
const tmpfs = `rw,noexec,nosuid,nodev,size=${workerTmpMiB}m`;
/** How the engine keeps what a worker logs. */
export const workerLog = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } } as const;

/** What containers of the same settings have in common. */
function common(settings: ContainerSettings): ContainerCreateOptions {
  const { image, network, env, mounts, memoryBytes, cpus, pids, stopTimeoutS } = settings;
  return {
    Image: image,
    User: workerUser,
    Env: [...env],
    OpenStdin: true,
    StdinOnce: true,
    StopTimeout: stopTimeoutS,
    HostConfig: {
      NetworkMode: network,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': tmpfs },
      PidsLimit: pids,
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      NanoCpus: Math.round(cpus * 1e9),
      // The controller restarts replicas; the engine must not.
      RestartPolicy: { Name: 'no' },
      Init: true,
      Binds: mounts.map((mount) => `${mount}:ro`),
      LogConfig: workerLog,
    },
  };
}

/**
 * @param key of the namespace: without a key a short password could be guessed from the label.
 * @returns a hash that differs if containers of other settings would differ.
 */
export function configHash(settings: ContainerSettings, key: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([common(settings), settings.redisUrl]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * @param config the result of {@link configHash}.
 * @param compose the labels by which docker compose recognises it; none outside of compose.
 * @returns the container of one generation of a replica, as the engine takes it. It has the replica's name
 * and hostname.
 */
export function containerSpec(
  settings: ContainerSettings,
  name: string,
  generation: number,
  config: string,
  compose: ComposeLabels,
): ContainerCreateOptions {
  const shared = common(settings);
  return {
    ...shared,
    name,
    Hostname: name,
    Env: [...(shared.Env ?? []), `REPLICA=${name}`, `GENERATION=${generation}`],
    Labels: {
      ...compose,
      [labels.namespace]: settings.namespace,
      [labels.replica]: name,
      [labels.generation]: String(generation),
      [labels.config]: config,
    },
  };
}
