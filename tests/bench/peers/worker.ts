/** A worker of any peer. */
import { work } from '../workload/work.ts';
import { loadPeer } from './load-peer.ts';

const { peer, store } = await loadPeer();
await peer.worker(store, work, process.env['BENCH_WORKER'] ?? '');
process.stdout.write('ready\n');
