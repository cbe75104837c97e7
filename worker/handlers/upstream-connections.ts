import { Agent as HttpAgent, ClientRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { KeptConnections } from './kept-connections.ts';
import type { Connection } from './kept-connections.ts';

/** Bytes that the head of an answer may have: as many as the gateway takes in a request. */
export const headLimitBytes = 64 * 1024;
/** Time in ms in which a connection must be open, its TLS included. */
const connectTimeoutMs = 10_000;
/**
 * Time in ms for which an idle connection is kept. It is shorter than what servers usually have; a server that
 * announces less in `Keep-Alive` has its way.
 */
const idleTimeoutMs = 4000;

/** Bytes of an answer that are read ahead while its reader pauses, beside the last read. */
const aheadBytes = 16 * 1024;

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
  readonly #kept = new KeptConnections(idleTimeoutMs);
  readonly #pool: HttpAgent;
  readonly #single: HttpAgent;

  /**
   * @param origin of the upstream, `http:` or `https:`.
   * @param most connections that there may be at once.
   * @throws Error if the origin is of another protocol.
   */
  constructor(origin: URL, most: number) {
    this.#origin = origin;
    this.#host = origin.hostname.replaceAll(/^\[|\]$/g, '');
    this.#pool = this.#agent({ keepAlive: true, maxSockets: most });
    this.#single = this.#agent({ keepAlive: false });
    this.#kept.serve(this.#pool);
  }

  /**
   * Begins a request.
   * @param kind `pooled`: on a kept connection if one is idle. `single`: on a new one, which ends with it. The
   * kept ones that are idle are closed for it: one of them has just shown that the upstream closes them.
   * @throws Error if HTTP cannot carry the head.
   */
  request(head: OutgoingHead, kind: 'pooled' | 'single'): ClientRequest {
    if (kind === 'single') this.#kept.closeIdle();
    const { protocol, port } = this.#origin;
    const { method, path, headers } = head;
    const request = new ClientRequest({
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
    // The bytes of a head are limited, and no field of it is left out.
    request.maxHeadersCount = 0;
    return request;
  }

  /** @returns what is known of a connection. */
  stateOf(socket: Socket): Connection {
    return this.#kept.stateOf(socket);
  }

  /** @param hint what an answer's `Keep-Alive` says of its connection, if it has one. */
  noteHint(socket: Socket, hint: string | undefined): void {
    this.#kept.noteHint(socket, hint);
  }

  /** Closes all connections, those in use too. */
  close(): void {
    this.#pool.destroy();
    this.#single.destroy();
  }

  #agent(options: { keepAlive: boolean; maxSockets?: number }): HttpAgent {
    const all = { ...options, keepAliveMsecs: 60_000, highWaterMark: aheadBytes };
    // An address is no server name (RFC 6066 3); the certificate is checked against it all the same.
    const servername = isIP(this.#host) === 0 ? this.#host : '';
    const secure = this.#origin.protocol === 'https:';
    const agent = secure ? new HttpsAgent({ ...all, servername }) : new HttpAgent(all);
    const opens = secure ? 'secureConnect' : 'connect';
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (given, callback) => {
      const socket = create(given, callback) as Socket; // Node's own agents make nothing else
      this.#kept.watch(socket, opens);
      const late = (): void => void socket.destroy(new ConnectTimeoutError('the connection took too long'));
      const timer = setTimeout(late, connectTimeoutMs);
      for (const event of [opens, 'close']) socket.once(event, () => clearTimeout(timer));
      return socket;
    };
    return agent;
  }
}
