/** A text or bytes, as the peer's messages carry them. */
export type Body = string | Buffer;

/** A request as every peer carries it to a worker; ringpost's jobs carry the same. */
export interface Dispatch {
  readonly method: string;
  /** The path and query. */
  readonly target: string;
  /** Without those of the connection. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Empty without a body. */
  readonly body: Body;
}

/** An answer as every peer carries it back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** The part of a peer in the gateway's process. */
export interface GatewaySide {
  /**
   * Sends a request to a worker.
   * @param id a unique id, without spaces
   * @returns the worker's answer.
   */
  ask(id: string, dispatch: Dispatch): Promise<Answer>;
}

/** The work that a worker does for each request. */
export type Work = (dispatch: Dispatch) => Answer | Promise<Answer>;

/** Request and reply between one gateway and several workers, as the library's documentation shows. */
export interface Peer {
  /** What the gateway makes of a body: text for messages of JSON, bytes where messages are bytes. */
  readonly bodies: 'string' | 'buffer';
  /** @param store URL of the server between gateway and workers */
  gateway(store: string): Promise<GatewaySide>;
  /** @returns when the worker takes requests. */
  worker(store: string, work: Work, name: string): Promise<void>;
}
