import type { Agent, ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

/**
 * A connection is always in one of these states:
 *
 *   opening: TCP and TLS are being established
 *   busy: it carries a request
 *   idle: it is kept for the next request
 *   closed
 */
export interface Connection {
  /** Whether it is open, TLS included, so that bytes written to it are sent. */
  open: boolean;
  /** How many requests it has carried. */
  requests: number;
  idle: boolean;
  /** How long it is kept when it is idle, in ms. */
  keepMs: number;
}

/** A connection is closed this long before the upstream said that it would close it, in ms. */
const marginMs = 1000;

/** The method of an agent that Node calls for each request. Libraries override it too. */
interface RequestedAgent {
  addRequest(request: ClientRequest, options: object): void;
}

/**
 * Keeps the idle connections of an agent in place of Node's own code, which compares all options of a request
 * with those of each connection. That takes a quarter of the time of a small request, and here all
 * connections are alike. Node's agent makes the connections, counts them, and lets requests wait that are
 * beyond its limit.
 */
export class KeptConnections {
  readonly #idleMs: number;
  /** The connection that was used last is at the end, and is used first. */
  readonly #idle: Socket[] = [];
  readonly #states = new WeakMap<Socket, Connection>();

  /** @param idleMs how long an idle connection is kept, in ms, unless its upstream announces less. */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Keeps the connections that an agent frees from now on. */
  serve(agent: Agent): void {
    const asked = agent as unknown as RequestedAgent; // Node's types do not have it
    const addRequest = asked.addRequest.bind(agent);
    asked.addRequest = (request, options) => {
      const socket = this.#take();
      if (socket === undefined) addRequest(request, options);
      else request.onSocket(socket);
    };
    const [serveNext] = agent.listeners('free');
    agent.removeAllListeners('free');
    agent.on('free', (socket: Socket, options: object) => {
      if (Object.keys(agent.requests).length > 0) serveNext?.call(agent, socket, options);
      else this.#keep(socket);
    });
  }

  /** Watches a new connection. @param opens the event that says that it is open. */
  watch(socket: Socket, opens: 'connect' | 'secureConnect'): void {
    const connection: Connection = { open: false, requests: 0, idle: false, keepMs: this.#idleMs };
    this.#states.set(socket, connection);
    socket.on(opens, () => (connection.open = true));
    // Without this listener, an error between two uses would end the process.
    socket.on('error', () => undefined);
    // Bytes that nobody has asked for could be taken for the answer to the next request.
    const end = (): void => {
      if (connection.idle) socket.destroy();
    };
    socket.on('data', end);
    socket.on('timeout', end);
    socket.on('close', () => {
      if (connection.idle) this.#idle.splice(this.#idle.indexOf(socket), 1);
      connection.idle = false;
    });
  }

  /** @returns what is known of a connection. */
  stateOf(socket: Socket): Connection {
    const connection = this.#states.get(socket);
    if (connection === undefined) throw new Error('the connection is not from here');
    return connection;
  }

  /** @param keepAlive the value of an answer's `Keep-Alive`, if it has one. */
  noteKeepAlive(socket: Socket, keepAlive: string | undefined): void {
    const seconds = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,9})/i.exec(keepAlive ?? '')?.[1];
    const announcedMs = seconds === undefined ? this.#idleMs : Number(seconds) * 1000 - marginMs;
    this.stateOf(socket).keepMs = Math.min(this.#idleMs, announcedMs);
  }

  /** Closes the idle connections. */
  closeIdle(): void {
    for (const socket of this.#idle) socket.destroy();
  }

  #take(): Socket | undefined {
    for (let socket = this.#idle.pop(); socket !== undefined; socket = this.#idle.pop()) {
      this.stateOf(socket).idle = false;
      if (socket.writable) return socket;
      socket.destroy();
    }
    return undefined;
  }

  #keep(socket: Socket): void {
    const connection = this.stateOf(socket);
    const { keepMs } = connection;
    if (!socket.writable || keepMs <= 0) {
      socket.destroy();
      return;
    }
    if (socket.timeout !== keepMs) socket.setTimeout(keepMs);
    connection.idle = true;
    this.#idle.push(socket);
  }
}
