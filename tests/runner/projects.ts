/**
 * When the tests of a project run. `first`: before all others, since they take a few seconds. `together`:
 * side by side, since they mostly wait. `engine`: one file after the other, since containers share the Docker
 * engine, but beside the `together` tests. `alone`: one file after the other with nothing beside it.
 */
export type Lane = 'first' | 'together' | 'engine' | 'alone';

/** What the machine must have to run a project. */
export type Need = 'redis' | 'chromium' | 'docker' | 'swarm';

/** A vitest project: test files that run in the same way. */
export interface TestProject {
  readonly name: string;
  readonly lane: Lane;
  readonly needs: readonly Need[];
  /** Globs relative to the top of the repository. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly timeoutMs: number;
}

/** A folder of tests. */
interface Suite {
  readonly folder: string;
  readonly lane: Lane;
  readonly needs: readonly Need[];
  readonly timeoutMs: number;
  /** Files that assert times, rates or memory, which other tests on the machine would change. */
  readonly alone: readonly string[];
}

const suites: readonly Suite[] = [
  { folder: 'unit', lane: 'first', needs: [], timeoutMs: 30_000, alone: ['parsers-linear', 'ring-scale'] },
  {
    folder: 'integration',
    lane: 'together',
    needs: ['redis'],
    timeoutMs: 60_000,
    alone: [
      'client-gone',
      'computing-handlers',
      'dispatch',
      'over-capacity',
      'scale',
      'slow-start',
      'stream-leaving',
    ],
  },
  {
    folder: 'e2e',
    lane: 'together',
    needs: ['redis'],
    timeoutMs: 120_000,
    alone: [
      'answer-memory',
      'dev-reload',
      'gateway-memory',
      'load',
      'memory',
      'recovery',
      'redis-away',
      'redis-flushed',
      'redis-frozen',
      'proxied-gateways',
      'redis-unfit',
      'rolling-restart',
    ],
  },
  { folder: 'browser', lane: 'together', needs: ['redis', 'chromium'], timeoutMs: 60_000, alone: [] },
  {
    folder: 'docker',
    lane: 'engine',
    needs: ['docker'],
    timeoutMs: 180_000,
    alone: ['controllers', 'recovery'],
  },
  // Its nodes are engines of its own. It measures times.
  { folder: 'swarm', lane: 'alone', needs: ['swarm'], timeoutMs: 240_000, alone: [] },
];

/**
 * Each folder of tests is a project, and its files that run alone are another one, named `<folder>-alone`.
 */
export const testProjects: readonly TestProject[] = suites.flatMap(
  ({ folder, lane, needs, timeoutMs, alone }): TestProject[] => {
    const exclude = alone.map((name) => `tests/${folder}/${name}.test.ts`);
    const project = { needs, timeoutMs };
    return [
      { ...project, name: folder, lane, include: [`tests/${folder}/**/*.test.ts`], exclude },
      ...(alone.length === 0
        ? []
        : [{ ...project, name: `${folder}-alone`, lane: 'alone' as const, include: exclude, exclude: [] }]),
    ];
  },
);
