import type { GatewayValues } from './settings.ts';

/** Settings of the containers of `REPLICA_DRIVER=docker` and `swarm`. */
export interface ContainerConfig {
  readonly image: string;
  readonly mounts: readonly string[];
  readonly memoryMb: number;
  readonly cpus: number;
  readonly pids: number;
  readonly network: string | undefined;
  /** Placement constraints; none outside of a swarm. */
  readonly constraints: readonly string[];
  /** Whether replicas move to nodes of the swarm that have fewer. */
  readonly spread: boolean;
  /** The settings of workers that limit their streams, by their names. */
  readonly streams: Pick<
    GatewayValues,
    'STREAM_CONCURRENCY' | 'STREAM_ABOVE_BYTES' | 'STREAM_IDLE_TIMEOUT_MS'
  >;
}

/** @returns the settings of containers among all settings. */
export function containerConfig(values: GatewayValues): ContainerConfig {
  return {
    image: values.WORKER_IMAGE,
    mounts: values.WORKER_MOUNTS?.split(',').map((mount) => mount.trim()) ?? [],
    memoryMb: values.WORKER_MEMORY_MB,
    cpus: Number(values.WORKER_CPUS),
    pids: values.WORKER_PIDS,
    network: values.DOCKER_NETWORK,
    constraints: values.SWARM_CONSTRAINTS?.split(',').map((each) => each.trim()) ?? [],
    spread: values.SWARM_SPREAD === 'yes',
    streams: {
      STREAM_CONCURRENCY: values.STREAM_CONCURRENCY,
      STREAM_ABOVE_BYTES: values.STREAM_ABOVE_BYTES,
      STREAM_IDLE_TIMEOUT_MS: values.STREAM_IDLE_TIMEOUT_MS,
    },
  };
}
