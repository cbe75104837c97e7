import type { Agent as HttpAgent, ClientRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { http } from '#shared/contract/node-http.ts';
import { KeptConnections } from './kept-connections.ts';
import type { Connection } from './kept-connections.ts';

/** How many bytes the head of an answer may have: as many as the gateway accepts in a request. */
export const headLimitBytes = 64 * 1024;
/** A connection must be open within this time in ms, TLS included. */
const connectTimeoutMs = 10_000;
/**
 * How long an idle connection is kept, in ms. Servers usually keep one for longer. If a server announces less
 * in `Keep-Alive`, that counts.
 */
const idleTimeoutMs = 4000;

/** How many bytes of an answer are read ahead while its reader pauses, besides the last read. */
const aheadBytes = 16 * 1024;

/** The head of a request, as it is sent. */
export interface OutgoingHead {
  readonly method: string;
  readonly path: string;
  /** Alternating names and values; nothing is added to them. */
  readonly headers: readonly string[];
}

/** A connection failed to open in time. */
class ConnectTimeoutError extends Error {
  readonly code = 'ETIMEDOUT';
}

/**
 * The connections to one upstream: a pool of kept connections, and single connections that serve one request
 * each. TLS uses the upstream's own name, whatever `Host` a request has, so that a kept connection serves
 * requests of every `Host`.
 */
export class UpstreamConnections {
  readonly #origin: URL;
  readonly #host: string;
  readonly #kept = new KeptConnections(idleTimeoutMs);
  readonly #pool: HttpAgent;
  readonly #single: HttpAgent;

  /**
   * @param origin of the upstream, `http:` or `https:`.
   * @param maxConnections how many there may be at once.
   * @throws {Error} if the origin has another protocol.
   */
  constructor(origin: URL, maxConnections: number) {
    this.#origin = origin;
    this.#host = origin.hostname.replaceAll(/^\[|\]$/g, '');
    this.#pool = this.#agent({ keepAlive: true, maxSockets: maxConnections });
    this.#single = this.#agent({ keepAlive: false });
    this.#kept.serve(this.#pool);
  }

  /**
   * Starts a request.
   * @param kind `pooled`: on a kept connection if one is idle. `single`: on a new connection, which ends with
   * the request. This closes the idle connections, because one of them has just shown that the upstream
   * closes them.
   * @throws {Error} if HTTP cannot carry the head.
   */
  request(head: OutgoingHead, kind: 'pooled' | 'single'): ClientRequest {
    if (kind === 'single') this.#kept.closeIdle();
    const { protocol, port } = this.#origin;
    const { method, path, headers } = head;
    const request = new http.ClientRequest({
      agent: kind === 'single' ? this.#single : this.#pool,
      protocol,
      host: this.#host,
      port,
      method,
      path,
      headers,
      setDefaultHeaders: false,
      maxHeaderSize: headLimitBytes,
    });
    // Only the bytes of a head are limited, so that no field is left out.
    request.maxHeadersCount = 0;
    return request;
  }

  /** @returns the state of a connection. */
  stateOf(socket: Socket): Connection {
    return this.#kept.stateOf(socket);
  }

  /** @param keepAlive the value of an answer's `Keep-Alive`, if it has one. */
  noteKeepAlive(socket: Socket, keepAlive: string | undefined): void {
    this.#kept.noteKeepAlive(socket, keepAlive);
  }

  /** Closes all connections, even those in use. */
  close(): void {
    this.#pool.destroy();
    this.#single.destroy();
  }

  #agent(options: { keepAlive: boolean; maxSockets?: number }): HttpAgent {
    const all = { ...options, keepAliveMsecs: 60_000, highWaterMark: aheadBytes };
    // An address is no server name (RFC 6066 3), but the certificate is checked against it all the same.
    const servername = isIP(this.#host) === 0 ? this.#host : '';
    const secure = this.#origin.protocol === 'https:';
    const agent = secure ? new HttpsAgent({ ...all, servername }) : new http.Agent(all);
    const opens = secure ? 'secureConnect' : 'connect';
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (given, callback) => {
      const socket = create(given, callback) as Socket; // Node's agents make nothing else
      this.#kept.watch(socket, opens);
      const late = (): void => void socket.destroy(new ConnectTimeoutError('the connection took too long'));
      const timer = setTimeout(late, connectTimeoutMs);
      for (const event of [opens, 'close']) socket.once(event, () => clearTimeout(timer));
      return socket;
    };
    return agent;
  }
}
