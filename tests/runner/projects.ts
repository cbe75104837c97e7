/**
 * When the tests of a project run. `first`: before all others, since they take a few seconds. `together`:
 * side by side, since they mostly wait. `engine`: one file after the other, since containers share the Docker
 * engine, but beside the `together` tests. `alone`: one file after the other with nothing beside it, since
 * they assert times or memory.
 */
export type Lane = 'first' | 'together' | 'engine' | 'alone';

/** What the machine must have to run a project. */
export type Need = 'redis' | 'chromium' | 'docker';

/** A vitest project: the test files that run in the same way. */
export interface TestProject {
  readonly name: string;
  readonly lane: Lane;
  readonly needs: readonly Need[];
  /** Globs relative to the top of the repository. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly timeoutMs: number;
}

/** Unit tests that compare times. */
const unitAlone = ['tests/unit/parsers-linear.test.ts'];

/** Tests of `tests/e2e` that assert times, rates or memory, which other tests on the machine would change. */
const e2eAlone = [
  'answer-memory',
  'gateway-memory',
  'load',
  'memory',
  'recovery',
  'redis-away',
  'redis-flushed',
  'redis-frozen',
  'rolling-restart',
].map((name) => `tests/e2e/${name}.test.ts`);

const folder = (name: string): readonly string[] => [`tests/${name}/**/*.test.ts`];

export const testProjects: readonly TestProject[] = [
  { name: 'unit', lane: 'first', needs: [], include: folder('unit'), exclude: unitAlone, timeoutMs: 20_000 },
  {
    name: 'integration',
    lane: 'together',
    needs: ['redis'],
    include: folder('integration'),
    exclude: [],
    timeoutMs: 60_000,
  },
  {
    name: 'e2e',
    lane: 'together',
    needs: ['redis'],
    include: folder('e2e'),
    exclude: e2eAlone,
    timeoutMs: 120_000,
  },
  {
    name: 'browser',
    lane: 'together',
    needs: ['redis', 'chromium'],
    include: folder('browser'),
    exclude: [],
    timeoutMs: 60_000,
  },
  {
    name: 'docker',
    lane: 'engine',
    needs: ['docker'],
    include: folder('docker'),
    exclude: [],
    timeoutMs: 180_000,
  },
  { name: 'unit-alone', lane: 'alone', needs: [], include: unitAlone, exclude: [], timeoutMs: 60_000 },
  { name: 'e2e-alone', lane: 'alone', needs: ['redis'], include: e2eAlone, exclude: [], timeoutMs: 120_000 },
];
