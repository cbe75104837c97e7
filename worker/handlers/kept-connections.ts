import type { Agent, ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

/**
 * A connection is always in one of these states:
 *
 *   opening: its TCP or TLS is being made
 *   busy: it carries a request
 *   idle: it is kept for the next request
 *   closed
 */
export interface Connection {
  /** It is open, TLS included: bytes that are written to it leave. */
  open: boolean;
  /** How many requests it has carried. */
  requests: number;
  idle: boolean;
  /** Time in ms for which it is kept once it is idle. */
  keepMs: number;
}

/** Time in ms by which a connection is closed before the upstream has said that it would do so. */
const marginMs = 1000;

/** What Node asks of an agent for each request. Agents of libraries override it too. */
interface Requested {
  addRequest(request: ClientRequest, options: object): void;
}

/**
 * Keeps the idle connections of an agent, in place of what Node's agent does with them. That compares all
 * options of a request with those of each connection, which takes a quarter of the time of a small request;
 * here all connections are alike. Node's agent makes the connections, counts them, and has requests wait that
 * are beyond its limit.
 */
export class KeptConnections {
  readonly #idleMs: number;
  /** The one that was used last comes last, and is used first. */
  readonly #idle: Socket[] = [];
  readonly #states = new WeakMap<Socket, Connection>();

  /** @param idleMs time in ms for which an idle connection is kept, unless its upstream announces less. */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Begins to keep what an agent frees. */
  serve(agent: Agent): void {
    const asked = agent as unknown as Requested; // see there
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

  /** Looks after a new connection. @param opens the event that says that it is open. */
  watch(socket: Socket, opens: 'connect' | 'secureConnect'): void {
    const connection: Connection = { open: false, requests: 0, idle: false, keepMs: this.#idleMs };
    this.#states.set(socket, connection);
    socket.on(opens, () => (connection.open = true));
    // Whoever uses it hears of an error too; between two uses nobody would, and the process would end.
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

  /** @param hint what an answer's `Keep-Alive` says, if it has one. */
  noteHint(socket: Socket, hint: string | undefined): void {
    const seconds = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,9})/i.exec(hint ?? '')?.[1];
    const announcedMs = seconds === undefined ? this.#idleMs : Number(seconds) * 1000 - marginMs;
    this.stateOf(socket).keepMs = Math.min(this.#idleMs, announcedMs);
  }

  /** Closes those that are idle. */
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
