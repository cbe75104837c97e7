import { findOnPath } from '../../../shared/process/tethered.ts';

/** A program that no npm package contains. */
export type ServerName =
  | 'redis-server'
  | 'nats-server'
  | 'rabbitmq-server'
  | 'haproxy'
  | 'nginx'
  | 'wrk'
  | 'epmd';

const sbin = '/usr/local/sbin:/usr/sbin:/sbin';
/** RabbitMQ's own scripts. Those on PATH switch to the user of the service. */
const otherFolders: Partial<Record<ServerName, string>> = { 'rabbitmq-server': '/usr/lib/rabbitmq/bin' };

/** The Debian packages that contain the programs. */
export const packages: Readonly<Record<ServerName, string>> = {
  'redis-server': 'redis-server',
  'nats-server': 'nats-server',
  'rabbitmq-server': 'rabbitmq-server',
  haproxy: 'haproxy',
  nginx: 'nginx-light',
  wrk: 'wrk',
  epmd: 'erlang-base',
};

/** @returns the path of a program; undefined if it is not installed. */
export function findServer(name: ServerName): string | undefined {
  return findOnPath(name, otherFolders[name] ?? `${process.env['PATH'] ?? ''}:${sbin}`);
}

/** @throws Error if the program is not installed. */
export function server(name: ServerName): string {
  const path = findServer(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}
