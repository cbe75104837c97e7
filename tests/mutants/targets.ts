/** A file of the pure core, or a Lua script, with the tests that run for each of its mutants. */
export interface Target {
  /** Relative to the top of the repository. */
  readonly file: string;
  /** Names of test files, in `tests/unit` for the core and in `tests/integration` for scripts. */
  readonly tests: readonly string[];
}

const stepTests = ['plan-without-driver', 'plan-holds', 'plan-sleep', 'rollout-steps', 'slow-start'];
const planTests = [...stepTests, 'plan'];

export const coreTargets: readonly Target[] = [
  { file: 'gateway/load/bounded-load.ts', tests: ['bounded-load', 'placement'] },
  { file: 'gateway/load/caps.ts', tests: ['caps'] },
  { file: 'gateway/load/placement.ts', tests: ['placement'] },
  { file: 'gateway/controller/plan.ts', tests: planTests },
  { file: 'gateway/controller/replica-state.ts', tests: ['replica-state', ...stepTests] },
  { file: 'gateway/controller/replica-steps.ts', tests: ['replica-steps', ...stepTests] },
  { file: 'gateway/controller/sleep-steps.ts', tests: ['sleep-steps', ...stepTests] },
  { file: 'gateway/controller/slow-start.ts', tests: ['replica-steps', ...stepTests] },
  { file: 'gateway/controller/rollout.ts', tests: ['rollout'] },
  { file: 'gateway/controller/limit.ts', tests: planTests },
  { file: 'gateway/controller/observed-replica.ts', tests: ['observed-replica'] },
  { file: 'gateway/controller/pass-time.ts', tests: ['pass-time'] },
  { file: 'shared/contract/redelivery.ts', tests: ['redelivery'] },
  { file: 'shared/contract/retry.ts', tests: ['retry'] },
  { file: 'shared/contract/retry-notice.ts', tests: ['retry-notice'] },
  { file: 'shared/contract/request-crashes.ts', tests: ['request-crashes'] },
  { file: 'shared/contract/http-date.ts', tests: ['http-date', 'retry'] },
  { file: 'gateway/request/directives.ts', tests: ['directives', 'directive-terms'] },
  {
    file: 'gateway/request/hash-key.ts',
    tests: ['hash-key', 'hash-key-sources', 'caller-key', 'request-parser'],
  },
  { file: 'shared/store/keys/keys.ts', tests: ['store-keys', 'redis-url'] },
  { file: 'shared/store/keys/ring-keys.ts', tests: ['store-keys'] },
  { file: 'shared/store/keys/bullmq-keys.ts', tests: ['store-keys'] },
  { file: 'shared/store/keys/key-patterns.ts', tests: ['store-keys'] },
  { file: 'shared/store/keys/index-entries.ts', tests: ['store-keys'] },
  { file: 'shared/ring/assignment.ts', tests: ['ring-assignment', 'ring-shares'] },
  { file: 'shared/ring/clockwise.ts', tests: ['ring-positions', 'ring-murmur3'] },
  { file: 'shared/ring/fitting.ts', tests: ['ring-fitting'] },
  { file: 'shared/ring/strategies.ts', tests: ['ring-assignment', 'ring-murmur3'] },
  { file: 'shared/ring/validation.ts', tests: ['ring-validation'] },
  { file: 'shared/ring/virtual-nodes.ts', tests: ['ring-positions', 'ring-murmur3'] },
  { file: 'shared/ring/shares.ts', tests: ['ring-positions', 'ring-shares'] },
  { file: 'shared/ring/slow-start.ts', tests: ['slow-start'] },
  { file: 'shared/ring/key-digest.ts', tests: ['key-digest'] },
  { file: 'shared/ring/key-hash.ts', tests: ['key-text', 'ring-positions'] },
  { file: 'shared/ring/key-text.ts', tests: ['key-text', 'key-digest'] },
  { file: 'shared/ring/murmur3.ts', tests: ['ring-positions', 'ring-murmur3'] },
];

const script = (name: string, tests: readonly string[]): Target => ({
  file: `shared/store/scripts/${name}.lua`,
  tests,
});

/** The scripts of the hot path. */
export const luaTargets: readonly Target[] = [
  script('take-lease', ['replica-lease']),
  script('renew-lease', ['replica-lease']),
  script('push-replies', ['replica-lease']),
  script('cancel-request', ['respond-async']),
  script('settle-request', ['respond-async']),
  script('note-loss', ['suspect-notes']),
  script('claim-active', ['deliveries']),
  script('take-back', ['take-back']),
  script('finish-jobs', ['deliveries']),
  script('take-jobs', ['deliveries']),
  script('tick', ['deliveries']),
  script('add-jobs', ['deliveries']),
];
