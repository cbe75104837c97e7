import { isIP } from 'node:net';

/**
 * Names that `/add` refuses: names of ringpost's own keys and hosts, now or later, and names that machines
 * and container engines use for themselves. No name is added within a major version.
 */
const reserved: ReadonlySet<string> = new Set([
  // Hash tags, and parts of keys.
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
  // Hosts outside of the families below.
  'worker',
  'worker-image',
  'replica',
  'replicas',
  'dashboard',
  'admin',
  // The machine itself, in hosts files and container engines.
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
  // Hosts from which cloud machines get their credentials.
  'metadata',
  'metadata.google.internal',
  'instance-data',
]);

/**
 * Families of names: compose names containers `ringpost-redis-1`, and gateways are services like
 * `gateway-5000`.
 */
const families = /^(?:ringpost|redis|valkey|sentinel|gateway|controller)(?:[-_.]|$)/;

/** @returns whether a name is reserved, in any case. A replica that already has the name keeps working. */
export function isReservedName(name: string): boolean {
  // A host's name may end with a dot.
  const host = name.toLowerCase().replace(/\.$/, '');
  return reserved.has(host) || families.test(host);
}

/**
 * @param name a name that passes `isReplicaName`.
 * @param container whether it becomes the name of a container.
 * @returns why no new replica can have the name; undefined if one can.
 */
export function nameFault(name: string, container: boolean): string | undefined {
  if (isReservedName(name)) return 'is reserved for ringpost itself';
  if (isIP(name) !== 0) return 'is an IP address, not a hostname';
  // Docker: [a-zA-Z0-9][a-zA-Z0-9_.-]+
  return container && name.length < 2 ? 'is too short for a container, which has two characters' : undefined;
}
