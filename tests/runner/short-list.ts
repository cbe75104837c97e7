/**
 * Test files that together use all that is stored in Redis, in a minute or two. CI runs them with
 * `RINGPOST_TEST_REDIS=sentinel` and `cluster`, where the whole suite would take too long.
 */
export const shortList: readonly string[] = [
  // The storage floor: every script, the ring, users and their rights.
  'integration/scripts',
  'integration/ring-store',
  'integration/redis-users',
  'integration/queue-loads',
  // Workers.
  'integration/consumer-conformance',
  'integration/deliveries',
  'integration/redelivery',
  'integration/replica-lease',
  // Replies and streams.
  'integration/reply-inbox',
  'integration/live-streams',
  'integration/kept-streams',
  // Ordered requests and limits by key.
  'integration/lines',
  'integration/key-rates',
  // Async requests.
  'integration/respond-async',
  // Whole systems.
  'e2e/redis-groups',
  'e2e/rolling-restart',
].map((name) => `tests/${name}.test.ts`);
