import { runConformanceTests } from '@durable-streams/server-conformance-tests';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { startDurableServer } from '../fixtures/durable-server.ts';
import type { DurableServer } from '../fixtures/durable-server.ts';

/**
 * The parts of the suite about reading. Left out is what a client writes (appends, producers, closing,
 * deleting, TTLs of its own, forks, subscriptions), and JSON mode: an answer is bytes.
 */
const parts: Readonly<Record<string, RegExp>> = {
  'Read Operations': /./,
  'Long-Poll Operations': /./,
  'Long-Poll Edge Cases': /./,
  'Offset Validation and Resumability': /^(?!.*JSON array)/,
  'HEAD Metadata': /./,
  'Protocol Edge Cases': /immutability|monotonically|offset parameter|binary data|unknown query/,
  'HTTP Protocol': /on GET|empty body with up-to-date|read from offset/,
  'Content-Type Validation': /on GET/,
  'Browser Security Headers': /^(?!.*(?:PUT|POST))/,
  'Caching and ETag': /^(?!.*CORS)/,
  'Chunking and Large Payloads': /./,
  'Read-Your-Writes Consistency': /./,
  'SSE Mode': /^(?!.*(?:JSON|application\/json))/,
  'HEAD with Stream Closure': /./,
  'Read Closed Streams (Catch-up)': /./,
  'Long-poll with Stream Closure': /./,
  'SSE with Stream Closure': /./,
  'Byte-Exactness Property': /./,
  'Immutability Properties': /./,
  'State Hash Verification': /./,
};

describe('the Durable Streams protocol, as its conformance suite has it', () => {
  const server = { baseUrl: '' };
  let running: DurableServer | undefined;

  beforeAll(async () => {
    running = await startDurableServer();
    server.baseUrl = running.url;
  });
  afterAll(() => running?.stop());

  beforeEach(({ task, skip }) => {
    const isOurs = parts[task.suite?.name ?? '']?.test(task.name);
    skip(isOurs !== true, 'it is not about reading bytes');
  });
  runConformanceTests(server);
});
