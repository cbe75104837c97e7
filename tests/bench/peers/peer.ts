/** The part of a peer in the gateway's process. */
export interface GatewaySide {
  /** Sends a request to a worker. @returns the worker's answer. */
  ask(id: string): Promise<string>;
}

/** The work that a worker does for each request. */
export type Work = (id: string) => string | Promise<string>;

/** Request and reply between one gateway and several workers, as the library's documentation shows. */
export interface Peer {
  /** @param store URL of the server between gateway and workers */
  gateway(store: string): Promise<GatewaySide>;
  /** @returns when the worker takes requests. */
  worker(store: string, work: Work, name: string): Promise<void>;
}
