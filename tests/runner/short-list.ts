/** Files that depend on how servers are found, how they fail over, and which users they have. */
const ofConnections = [
  // The storage floor: every script, the ring, users and their rights.
  'integration/scripts',
  'integration/ring-store',
  'integration/redis-users',
  // Workers.
  'integration/consumer-conformance',
  'integration/deliveries',
  'integration/replica-lease',
  // Replies, on connections that block.
  'integration/reply-inbox',
  // Whole systems.
  'e2e/redis-groups',
  'e2e/rolling-restart',
];

/** Files that depend on which keys share a slot as well. */
const ofSlots = [
  'integration/queue-loads',
  'integration/redelivery',
  // Streams.
  'integration/live-streams',
  'integration/kept-streams',
  // Ordered requests and limits by key.
  'integration/lines',
  'integration/key-rates',
  // Async requests.
  'integration/respond-async',
];

/**
 * Test files that together use all that is stored in Redis, in a minute or two. CI runs them with
 * `RINGPOST_TEST_REDIS=cluster`, where the whole suite would take too long. With `sentinel` it runs those
 * that depend on connections: the keys are on one master, so scripts and commands are those of one server.
 * @param kind the value of `RINGPOST_TEST_REDIS`.
 */
export function shortList(kind: string | undefined): readonly string[] {
  const names = kind === 'sentinel' ? ofConnections : [...ofConnections, ...ofSlots];
  return names.map((name) => `tests/${name}.test.ts`);
}
