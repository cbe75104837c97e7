/** Runs the workers of the replicas that `BENCH_REPLICAS` names, separated by spaces, in this process. */
import { createWorker } from '../../../worker/create-worker.ts';
import fetch from '../workload/handler.ts';

const { REDIS_URL = '', BENCH_REPLICAS = '' } = process.env;
await Promise.all(
  BENCH_REPLICAS.split(' ').map((name) => createWorker({ REDIS_URL, REPLICA: name }, fetch).start()),
);
process.stdout.write('ready\n');
