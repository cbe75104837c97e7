import { createHmac } from 'node:crypto';
import type { ContainerCreateOptions } from 'dockerode';
import type { ComposeLabels } from './compose-labels.ts';

/** What every replica's container is made from. It comes from settings alone, never from a caller. */
export interface ContainerSettings {
  readonly namespace: string;
  readonly image: string;
  /** The network that the containers join; `host` for the machine's own. */
  readonly network: string;
  /** What the workers open; each reads it from its stdin, so that neither its environment nor a label has it. */
  readonly redisUrl: string;
  /** The worker's settings as `NAME=value`, but for its name and generation. */
  readonly env: readonly string[];
  /** `/path/on/the/engine's/machine:/path/in/the/container`, mounted read-only. */
  readonly mounts: readonly string[];
  readonly memoryBytes: number;
  /** Processors, 0 for no limit. */
  readonly cpus: number;
  readonly pids: number;
  /** Seconds between SIGTERM and SIGKILL; more than a worker's drain takes. */
  readonly stopTimeoutS: number;
}

/** The labels by which a container is known to be ours. */
export const labels = {
  namespace: 'ringpost.namespace',
  replica: 'ringpost.replica',
  generation: 'ringpost.generation',
  config: 'ringpost.config',
} as const;

/**
 * The name of a replica's container while that of an older generation still has the replica's own name. It is longer
 * than a replica's name can be, so that it is nobody else's.
 */
export function nameInWaiting(replica: string): string {
  return `${replica}.takes-over-from-a-container-of-another-image-or-configuration`;
}

/** The image's user `node`. */
const user = '1000:1000';
const tmpfs = 'rw,noexec,nosuid,nodev,size=64m';

/** All that containers of the same settings have in common. */
function common(settings: ContainerSettings): ContainerCreateOptions {
  const { image, network, env, mounts, memoryBytes, cpus, pids, stopTimeoutS } = settings;
  return {
    Image: image,
    User: user,
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
      // The controller restarts replicas; a second one that does would fight with it.
      RestartPolicy: { Name: 'no' },
      Init: true,
      Binds: mounts.map((mount) => `${mount}:ro`),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    },
  };
}

/**
 * @param key of the namespace's own: without it a label would let a short password be guessed.
 * @returns a hash that differs where containers of other settings would differ.
 */
export function configHash(settings: ContainerSettings, key: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([common(settings), settings.redisUrl]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * @param config what {@link configHash} gives.
 * @param compose by which docker compose knows it; none outside of compose.
 * @returns what the engine is asked to create for one generation of a replica. Name and hostname are the replica's.
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
