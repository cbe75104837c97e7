/** Settings for a controller: what runs the replicas, and how. */
export const driverSettings = {
  REPLICA_DRIVER: {
    type: 'string',
    default: 'process',
    enum: ['process', 'docker', 'swarm', 'none'],
    description:
      'What runs the replicas: local processes, Docker containers, services of a Docker swarm, or nothing ' +
      '(you start the workers).',
  },
  REPLICA_LEAVE_AFTER_S: {
    type: 'integer',
    default: 300,
    minimum: 1,
    maximum: 31536000,
    description:
      'Seconds for which a replica that joined by itself (`REPLICA_JOIN`) stays one after its worker was ' +
      'killed or its machine was lost. Its keys move long before that. A controller reads it.',
  },
  RESPAWN: {
    type: 'string',
    default: 'same',
    enum: ['same', 'new'],
    description:
      'What replaces a dead replica. `same`: a replica of the same name, which keeps its keys. `new`: ' +
      'one with a random name, as in the assignment, which adopts its queue. A controller reads it.',
  },
  SLEEP_AFTER_S: {
    type: 'integer',
    default: 0,
    minimum: 0,
    maximum: 31536000,
    description:
      'Seconds after which the worker of an idle replica is ended. The replica keeps its keys and its ' +
      'queue, and its next request starts a worker again. 0: never. A controller reads it.',
  },
  WORKER_IMAGE: {
    type: 'string',
    default: 'ringpost-worker',
    description: 'Image of the containers of `REPLICA_DRIVER=docker` and `swarm`.',
  },
  WORKER_MOUNTS: {
    type: 'string',
    description:
      'Read-only mounts of the containers, `/on/the/machine:/in/the/container`, separated by commas.',
  },
  WORKER_MEMORY_MB: {
    type: 'integer',
    default: 512,
    minimum: 64,
    maximum: 1048576,
    description: 'Memory of each container, in MiB.',
  },
  WORKER_CPUS: {
    type: 'string',
    default: '0',
    pattern: '^[0-9]+([.][0-9]+)?$',
    description: 'Processors of each container, e.g. `0.5`; 0 is no limit.',
  },
  WORKER_PIDS: {
    type: 'integer',
    default: 256,
    minimum: 16,
    maximum: 100000,
    description: 'Processes and threads of each container.',
  },
  DOCKER_NETWORK: {
    type: 'string',
    description:
      "Network that the containers join. Unset: the machine's own (`host`) if Redis is on loopback, " +
      'otherwise `bridge`. In a swarm: an overlay network, `host` or `bridge`.',
  },
  SWARM_CONSTRAINTS: {
    type: 'string',
    description:
      'With `REPLICA_DRIVER=swarm`: the nodes on which replicas may run, as placement constraints ' +
      'separated by commas, e.g. `node.role==worker,node.labels.disk!=slow`.',
  },
  SWARM_SPREAD: {
    type: 'string',
    default: 'yes',
    enum: ['yes', 'no'],
    description:
      'With `REPLICA_DRIVER=swarm`: whether replicas move, one at a time, from the node with the most to ' +
      'one that has at least two fewer, e.g. after it was away. They keep their names and keys.',
  },
} as const;
