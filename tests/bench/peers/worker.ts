/** A worker of any peer. */
import { idOf, work } from '../workload/work.ts';
import { loadPeer } from './load-peer.ts';
import type { Answer, Dispatch } from './peer.ts';

const plain = { 'content-type': 'text/plain' };
const json = { 'content-type': 'application/json' };

/** The same answers as those of workload/handler.ts. */
function answerTo({ method, target, body }: Dispatch): Answer | Promise<Answer> {
  const done = work(idOf(target));
  const answer = (id: string): Answer =>
    method === 'POST' ? { status: 200, headers: json, body } : { status: 200, headers: plain, body: id };
  return typeof done === 'string' ? answer(done) : done.then(answer);
}

const { peer, store } = await loadPeer();
await peer.worker(store, answerTo, process.env['BENCH_WORKER'] ?? '');
process.stdout.write('ready\n');
