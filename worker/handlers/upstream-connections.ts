import { Agent as HttpAgent, ClientRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Bytes that the head of an answer may have: as many as the gateway takes in a request. */
export const headLimitBytes = 64 * 1024;
/** Time in ms in which a connection must be open, its TLS included. */
const connectTimeoutMs = 10_000;
/**
 * Time in ms for which an idle connection is kept. It is shorter than what servers usually have; a server that
 * announces less in `Keep-Alive` has its way.
 */
const idleTimeoutMs = 4000;

/** What is asked for, as it is written. */
export interface OutgoingHead {
  readonly method: string;
  readonly path: string;
  /** Names and values in turn; nothing is added to them. */
  readonly headers: readonly string[];
}

/** A connection failed to open in time. */
class ConnectTimeoutError extends Error {
  readonly code = 'ETIMEDOUT';
}

/**
 * The connections to one upstream: a pool of those that are kept, and single ones that serve one request. TLS
 * is made for the upstream's own name, whatever `Host` a request has, so that a kept connection serves
 * requests of every `Host`.
 */
export class UpstreamConnections {
  readonly #origin: URL;
  readonly #host: string;
  readonly #pool: HttpAgent;
  readonly #single: HttpAgent;
  /** Those that are open, TLS included. */
  readonly #open = new WeakSet<Duplex>();

  /**
   * @param origin of the upstream, `http:` or `https:`.
   * @param most connections that there may be at once.
   * @throws Error if the origin is of another protocol.
   */
  constructor(origin: URL, most: number) {
    this.#origin = origin;
    this.#host = origin.hostname.replaceAll(/^\[|\]$/g, '');
    this.#pool = this.#agent({ keepAlive: true, maxSockets: most, maxFreeSockets: most });
    this.#single = this.#agent({ keepAlive: false });
  }

  /**
   * Begins a request.
   * @param kind `pooled`: on a kept connection if one is idle. `single`: on a new one, which ends with it. The
   * kept ones that are idle are closed for it: one of them has just shown that the upstream closes them.
   * @throws Error if HTTP cannot carry the head.
   */
  request(head: OutgoingHead, kind: 'pooled' | 'single'): ClientRequest {
    if (kind === 'single') this.#closeIdle();
    const { protocol, port } = this.#origin;
    const { method, path, headers } = head;
    const request = new ClientRequest({
      agent: kind === 'single' ? this.#single : this.#pool,
      protocol,
      host: this.#host,
      ...(port === '' ? {} : { port }),
      method,
      path,
      headers,
      setDefaultHeaders: false,
      maxHeaderSize: headLimitBytes,
    });
    // The bytes of a head are limited, and no field of it is left out.
    request.maxHeadersCount = 0;
    return request;
  }

  /** Calls back as soon as a connection is open; at once if it is already. */
  whenOpen(socket: Socket, opened: () => void): void {
    if (this.#open.has(socket)) opened();
    else socket.once(this.#openEvent, opened);
  }

  /** Closes all connections, those in use too. */
  close(): void {
    this.#pool.destroy();
    this.#single.destroy();
  }

  get #openEvent(): 'connect' | 'secureConnect' {
    return this.#origin.protocol === 'https:' ? 'secureConnect' : 'connect';
  }

  #agent(options: { keepAlive: boolean; maxSockets?: number; maxFreeSockets?: number }): HttpAgent {
    const all = { ...options, timeout: idleTimeoutMs, keepAliveMsecs: 60_000 };
    // An address is no server name (RFC 6066 3); the certificate is checked against it all the same.
    const servername = isIP(this.#host) === 0 ? this.#host : '';
    const agent =
      this.#origin.protocol === 'https:' ? new HttpsAgent({ ...all, servername }) : new HttpAgent(all);
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (given, callback) => {
      const socket = create(given, callback);
      if (socket) this.#watch(socket);
      return socket;
    };
    return agent;
  }

  #watch(socket: Duplex): void {
    const late = (): void => void socket.destroy(new ConnectTimeoutError('the connection took too long'));
    const timer = setTimeout(late, connectTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
    // Whoever uses it hears of an error too; between two uses nobody would, and the process would end.
    socket.on('error', () => undefined);
    socket.once(this.#openEvent, () => {
      clearTimeout(timer);
      this.#open.add(socket);
    });
  }

  #closeIdle(): void {
    for (const sockets of Object.values(this.#pool.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}
