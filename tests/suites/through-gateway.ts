/**
 * A preload of the process that runs a suite (`node --import`). It sends the suite's client connections
 * through a gateway: a connection to a loopback port on which this process listens goes to the gateway's port
 * instead. Its source address names the port, so the fan-out behind the gateway finds the suite's own server
 * whatever `Host` the client sends. No byte of the connection is changed.
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

/** Servers of this process that speak HTTP/1.1 without TLS, or anything that a test writes by hand. */
const servers = new Set<WeakRef<net.Server>>();
const loopback = /^(?:localhost|127\.[\d.]+|::1|::|0\.0\.0\.0|::ffff:127\.[\d.]+)$/i;

/** @returns the server of the suite that listens on the port now. */
function served(port: number): Target | undefined {
  for (const reference of servers) {
    const server = reference.deref();
    if (server === undefined) servers.delete(reference);
    const address = server?.address();
    if (typeof address !== 'object' || address?.port !== port) continue;
    return { port, family: address.address === '::1' ? 6 : 4 };
  }
  return undefined;
}

/** @returns a client's own lookup, which is asked as ever, but leads to the gateway. */
function leadToGateway(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, ...found) => {
      const all = options.all === true;
      // What Node does not take from the client's own lookup it is to refuse here too.
      if (error !== null || all !== Array.isArray(found[0])) callback(error, ...found);
      else if (all) callback(null, [{ address: gatewayHost, family: 4 }]);
      else callback(null, gatewayHost, 4);
    });
}

/** @returns where the connection goes instead; undefined if it stays as it is. */
function redirected(options: NetConnectOpts): NetConnectOpts | undefined {
  if (!('port' in options)) return undefined;
  const { host, lookup } = options;
  // Some clients give it as text.
  const given: unknown = options.port;
  const target = served(Number(given));
  if (target === undefined || (host !== undefined && !loopback.test(host))) return undefined;
  const gateway = { ...options, port: gatewayPort, localAddress: addressOf(target) };
  if (lookup !== undefined) return { ...gateway, lookup: leadToGateway(lookup) };
  return { ...gateway, host: gatewayHost, family: 4 };
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
  const passed = (Array.isArray(first) ? [args] : args) as Parameters<Connect>; // unchanged otherwise
  return connect.apply(this, passed);
};

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
  const speaksHttp1 = !(this instanceof tls.Server) && this.constructor.name !== 'Http2Server';
  if (speaksHttp1) servers.add(new WeakRef(this));
  return listen.apply(this, args as Parameters<typeof listen>); // as they came
} as typeof listen;
