import type { GatewayValues } from './settings.ts';

/** Settings of the containers of `REPLICA_DRIVER=docker`. */
export interface ContainerConfig {
  readonly image: string;
  readonly mounts: readonly string[];
  readonly memoryMb: number;
  readonly cpus: number;
  readonly pids: number;
  readonly network: string | undefined;
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
  };
}
