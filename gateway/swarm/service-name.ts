import { createHash } from 'node:crypto';

/** Swarm refuses longer names, since a service's name is a name in DNS. */
const maxLength = 63;
const allowed = /^[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?$/;

/**
 * @returns `<namespace>-<replica>-g<generation>`, the name of the service that runs one generation of a
 * replica. If Swarm would refuse that, characters are replaced and a hash keeps the name unique. Nothing is
 * read from it: labels identify a service.
 */
export function serviceName(namespace: string, replica: string, generation: number): string {
  return swarmName(`${namespace}-${replica}`, `-g${generation}`);
}

/** @returns `name` and `ending` as a name that Swarm accepts. */
export function swarmName(name: string, ending: string): string {
  const whole = `${name}${ending}`;
  if (whole.length <= maxLength && allowed.test(whole)) return whole;
  const hash = `-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
  const begin = name
    .replaceAll(/[^a-zA-Z0-9_-]/g, '-')
    .replace(/^[^a-zA-Z0-9]+/, '')
    .slice(0, maxLength - hash.length - ending.length);
  return `${begin === '' ? 'ringpost' : begin}${hash}${ending}`;
}
