/**
 * A preload of the process that runs a suite (`node --import`). It sends the suite's client connections through a
 * gateway: a connection to a loopback port on which this process listens goes to the gateway's port instead. Its
 * source address names the port, so the fan-out behind the gateway finds the suite's own server whatever `Host` the
 * client sends. No byte of the connection is changed.
 */
import net from 'node:net';
import type { NetConnectOpts } from 'node:net';
import { env } from 'node:process';
import tls from 'node:tls';
import { addressOfPort } from './port-address.ts';

type Connect = typeof net.Socket.prototype.connect;

const gatewayPort = Number(env['SUITES_GATEWAY_PORT']);
if (!Number.isInteger(gatewayPort)) throw new Error('SUITES_GATEWAY_PORT is not set');

/** Servers of this process that speak HTTP/1.1 without TLS, or anything that a test writes by hand. */
const servers = new Set<WeakRef<net.Server>>();
const loopback = /^(?:localhost|127\.[\d.]+|::1|::|0\.0\.0\.0|::ffff:127\.[\d.]+)$/i;

/** @returns whether a server of the suite listens on the port now. */
function isServed(port: number): boolean {
  for (const reference of servers) {
    const server = reference.deref();
    if (server === undefined) servers.delete(reference);
    const address = server?.address();
    if (typeof address === 'object' && address?.port === port) return true;
  }
  return false;
}

/** @returns where the connection goes instead; undefined if it stays as it is. */
function redirected(options: NetConnectOpts): NetConnectOpts | undefined {
  if (!('port' in options)) return undefined;
  const { host, port: given } = options;
  const port = Number(given);
  if ((host !== undefined && !loopback.test(host)) || !isServed(port)) return undefined;
  return { ...options, host: '127.0.0.1', port: gatewayPort, localAddress: addressOfPort(port), family: 4 };
}

/** @returns the arguments of `connect` with options in the place of port and host. */
function withOptions(args: readonly unknown[]): unknown[] {
  const [first, second] = args;
  if (typeof first !== 'number' && !(typeof first === 'string' && /^\d+$/.test(first))) return [...args];
  const host = typeof second === 'string' ? second : undefined;
  return [{ port: Number(first), host }, ...args.slice(host === undefined ? 1 : 2)];
}

// Node binds it to the socket itself.
// oxlint-disable-next-line typescript/unbound-method
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (this: net.Socket, ...given: unknown[]) {
  const [first] = given;
  // Node's own functions hand over an array that they have put in order: options and callback.
  const args = Array.isArray(first) ? first : withOptions(given);
  const options: unknown = args[0];
  if (typeof options === 'object' && options !== null && !(this instanceof tls.TLSSocket)) {
    args[0] = redirected(options as NetConnectOpts) ?? options; // an object that `connect` was called with
  }
  const passed = (Array.isArray(first) ? [args] : args) as Parameters<Connect>; // as they came, but for the place
  return connect.apply(this, passed);
} as Connect;

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
  const speaksHttp1 = !(this instanceof tls.Server) && this.constructor.name !== 'Http2Server';
  if (speaksHttp1) servers.add(new WeakRef(this));
  return listen.apply(this, args as Parameters<typeof listen>); // as they came
} as typeof listen;
