import type { Peer } from './peer.ts';

/** @returns the peer whose file the environment names. */
export async function loadPeer(): Promise<{ readonly peer: Peer; readonly store: string }> {
  const { BENCH_PEER = '', BENCH_STORE = '' } = process.env;
  const { peer } = (await import(BENCH_PEER)) as { peer: Peer }; // each peer's file exports one
  return { peer, store: BENCH_STORE };
}
