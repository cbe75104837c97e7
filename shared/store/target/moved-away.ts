/** Errors of a server that is not, or not yet, the master of the keys. It has carried out nothing. */
const elsewhere = /^(?:MOVED|ASK|READONLY|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|LOADING|UNBLOCKED) /;
/** How long the errors of one connection that fail together may be apart, in ms. */
const togetherMs = 100;
/** A single server that stays a replica must not make connections reconnect all the time. In ms. */
const pauseMs = 2000;

type OnError = (error: Error) => 2 | false;

/**
 * For a Sentinel's or a Cluster's master.
 * @returns what ioredis does after an error: 2 to make the connection anew, to the server that is the master
 * then, and to send the command again; false to report the error.
 */
export const movedAway: OnError = ({ message }) => (elsewhere.test(message) ? 2 : false);

/**
 * For a single server, behind whose name another one may have become the master.
 * @returns the same, at most once in two seconds.
 */
export function becameReplica(): OnError {
  let first = Number.NEGATIVE_INFINITY;
  return ({ message }) => {
    if (!message.startsWith('READONLY ')) return false;
    const now = performance.now();
    if (now - first > pauseMs) first = now;
    return now - first < togetherMs ? 2 : false;
  };
}
