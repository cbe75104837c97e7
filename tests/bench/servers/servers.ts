import { findOnPath } from '../../../shared/process/tethered.ts';

/** A program that no npm package brings. */
export type ServerName =
  | 'redis-server'
  | 'nats-server'
  | 'rabbitmq-server'
  | 'haproxy'
  | 'nginx'
  | 'wrk'
  | 'epmd';

const sbin = '/usr/local/sbin:/usr/sbin:/sbin';
/** RabbitMQ's own scripts; those on PATH want to become its service's user. */
const elsewhere: Partial<Record<ServerName, string>> = { 'rabbitmq-server': '/usr/lib/rabbitmq/bin' };

/** The packages of Debian that have them. */
export const packages: Readonly<Record<ServerName, string>> = {
  'redis-server': 'redis-server',
  'nats-server': 'nats-server',
  'rabbitmq-server': 'rabbitmq-server',
  haproxy: 'haproxy',
  nginx: 'nginx-light',
  wrk: 'wrk',
  epmd: 'erlang-base',
};

/** @returns the path of a program, or undefined where it is not installed. */
export function findServer(name: ServerName): string | undefined {
  return findOnPath(name, elsewhere[name] ?? `${process.env['PATH'] ?? ''}:${sbin}`);
}

/** @throws Error where it is not installed. */
export function server(name: ServerName): string {
  const path = findServer(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}
