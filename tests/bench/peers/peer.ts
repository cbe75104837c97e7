/** The side of a peer that is in the gateway's process. */
export interface Asking {
  /** Hands a request over. @returns the worker's answer. */
  ask(id: string): Promise<string>;
}

/** The work that a worker does for each request. */
export type Work = (id: string) => string | Promise<string>;

/** Request and reply between one gateway and several workers, as a library's documentation says. */
export interface Peer {
  /** @param store URL of the server between them */
  gateway(store: string): Promise<Asking>;
  /** @returns when it takes requests. */
  worker(store: string, work: Work, name: string): Promise<void>;
}
