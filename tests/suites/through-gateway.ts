/**
 * A preload (`node --import`) for the process that runs a suite. It redirects client connections to the
 * gateway if they go to a loopback port on which this process listens. The source address of a connection
 * encodes that port, so the fan-out behind the gateway finds the suite's own server whatever `Host` the
 * client sends. No byte of the connection is changed.
 */
import net from 'node:net';
import type { LookupFunction, NetConnectOpts } from 'node:net';
import { env } from 'node:process';
import tls from 'node:tls';
import { addressOf } from './port-address.ts';
import type { Target } from './port-address.ts';

type Connect = typeof net.Socket.prototype.connect;

const gatewayPort = Number(env['SUITES_GATEWAY_PORT']);
if (!Number.isInteger(gatewayPort)) throw new Error('SUITES_GATEWAY_PORT is not set');

const gatewayHost = '127.0.0.1';

/** Servers of this process without TLS and HTTP/2. */
const servers = new Set<WeakRef<net.Server>>();
const loopback = /^(?:localhost|127\.[\d.]+|::1|::|0\.0\.0\.0|::ffff:127\.[\d.]+)$/i;

/** @returns the target for the suite's server that listens on the port now; undefined if there is none. */
function targetAt(port: number): Target | undefined {
  for (const reference of servers) {
    const server = reference.deref();
    if (server === undefined) servers.delete(reference);
    const address = server?.address();
    if (typeof address !== 'object' || address?.port !== port) continue;
    return { port, family: address.address === '::1' ? 6 : 4 };
  }
  return undefined;
}

/** @returns a lookup that calls the client's own one, but then returns the gateway's address. */
function redirectLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, ...found) => {
      const all = options.all === true;
      // An error or an invalid result is passed on, so that Node treats it as it does without the gateway.
      if (error !== null || all !== Array.isArray(found[0])) callback(error, ...found);
      else if (all) callback(null, [{ address: gatewayHost, family: 4 }]);
      else callback(null, gatewayHost, 4);
    });
}

/** @returns options that lead to the gateway; undefined if the connection is not to be redirected. */
function redirected(options: NetConnectOpts): NetConnectOpts | undefined {
  if (!('port' in options)) return undefined;
  const { host, lookup } = options;
  // Some clients pass the port as a string.
  const given: unknown = options.port;
  const target = targetAt(Number(given));
  if (target === undefined || (host !== undefined && !loopback.test(host))) return undefined;
  const gateway = { ...options, port: gatewayPort, localAddress: addressOf(target) };
  if (lookup !== undefined) return { ...gateway, lookup: redirectLookup(lookup) };
  return { ...gateway, host: gatewayHost, family: 4 };
}

/** @returns the arguments of `connect` with port and host replaced by options. */
function withOptions(args: readonly unknown[]): unknown[] {
  const [first, second] = args;
  if (typeof first !== 'number' && !(typeof first === 'string' && /^\d+$/.test(first))) return [...args];
  const host = typeof second === 'string' ? second : undefined;
  return [{ port: Number(first), host }, ...args.slice(host === undefined ? 1 : 2)];
}

// Called below with the socket as `this`.
// oxlint-disable-next-line typescript/unbound-method
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (this: net.Socket, ...given: unknown[]) {
  const [first] = given;
  // Node's own functions pass one array of normalized arguments: options and callback.
  const args = Array.isArray(first) ? first : withOptions(given);
  const options: unknown = args[0];
  if (typeof options === 'object' && options !== null && !(this instanceof tls.TLSSocket)) {
    args[0] = redirected(options as NetConnectOpts) ?? options; // the options that `connect` was called with
  }
  const passed = (Array.isArray(first) ? [args] : args) as Parameters<Connect>; // otherwise unchanged
  return connect.apply(this, passed);
};

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
  const speaksHttp1 = !(this instanceof tls.Server) && this.constructor.name !== 'Http2Server';
  if (speaksHttp1) servers.add(new WeakRef(this));
  return listen.apply(this, args as Parameters<typeof listen>); // unchanged
} as typeof listen;
