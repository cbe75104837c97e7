import { isIP } from 'node:net';

/**
 * Names that `/add` refuses: those of keys and hosts of ringpost's own, now or later, and those by which
 * machines and container engines know themselves. Within a major version none is added.
 */
const reserved: ReadonlySet<string> = new Set([
  // Hash tags and parts of keys.
  'ring',
  'callbacks',
  'dead-letters',
  'idempotency',
  'line',
  'wake',
  'request-changes',
  'cancellations',
  'caller',
  'caller-secret',
  'caller-secret-sought',
  'callers',
  'secrets',
  'sessions',
  'parameters',
  'autoscale',
  'aside',
  // Hosts beside those of a family below.
  'worker',
  'worker-image',
  'replica',
  'replicas',
  'dashboard',
  'admin',
  // The machine itself, as hosts files and engines call it.
  'host',
  'local',
  'localhost',
  'localhost4',
  'localhost6',
  'localhost.localdomain',
  'localhost4.localdomain4',
  'localhost6.localdomain6',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'broadcasthost',
  'host.docker.internal',
  'gateway.docker.internal',
  'kubernetes.docker.internal',
  'host.containers.internal',
  // Where clouds tell a machine its credentials.
  'metadata',
  'metadata.google.internal',
  'instance-data',
]);

/**
 * Whole families: compose calls containers `ringpost-redis-1`, and gateways are services such as
 * `gateway-5000`.
 */
const families = /^(?:ringpost|redis|valkey|sentinel|gateway|controller)(?:[-_.]|$)/;

/** @returns whether a name is reserved, in whatever case. A replica that has it already goes on working. */
export function isReservedName(name: string): boolean {
  // A name with a dot at its end names the same host.
  const host = name.toLowerCase().replace(/\.$/, '');
  return reserved.has(host) || families.test(host);
}

/**
 * @param name one that `isReplicaName`.
 * @param container whether it is to be the name of a container.
 * @returns why no new replica can have it, or undefined if one can.
 */
export function nameFault(name: string, container: boolean): string | undefined {
  if (isReservedName(name)) return 'is reserved for ringpost itself';
  if (isIP(name) !== 0) return 'is an address and no hostname';
  // Docker: [a-zA-Z0-9][a-zA-Z0-9_.-]+
  return container && name.length < 2 ? 'is too short for a container, which has two characters' : undefined;
}
