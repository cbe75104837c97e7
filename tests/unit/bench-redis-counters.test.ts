import { expect, it } from 'vitest';
import { parseInfo, redisCost } from '../bench/measure/redis-counters.ts';

const info = (evals: number, gets: number, reads: number): string =>
  [
    '# Stats',
    `total_net_input_bytes:${reads * 100}`,
    `total_net_output_bytes:${reads * 50}`,
    `total_reads_processed:${reads}`,
    '# Commandstats',
    `cmdstat_evalsha:calls=${evals},usec=9,usec_per_call=1.00,rejected_calls=0,failed_calls=0`,
    `cmdstat_get:calls=${gets},usec=9,usec_per_call=1.00,rejected_calls=0,failed_calls=0`,
    'cmdstat_info:calls=7,usec=9,usec_per_call=1.00,rejected_calls=0,failed_calls=0',
  ].join('\r\n');

it("computes the cost of a request from Redis's counters, without the bench's own commands", () =>
  expect(redisCost(parseInfo(info(10, 0, 20)), parseInfo(info(30, 60, 60)), 10)).toEqual({
    commands: 8,
    scripts: 2,
    reads: 4,
    bytesIn: 400,
    bytesOut: 200,
    byName: { evalsha: 2, get: 6 },
  }));
