import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import { testProjects } from './tests/runner/projects.ts';
import type { Lane, TestProject } from './tests/runner/projects.ts';
import { SlowestFirst } from './tests/runner/slowest-first.ts';

const cores = availableParallelism();

/** How the files of a {@link Lane} run. Lanes with a lower `groupOrder` run first. */
const lanes: Readonly<Record<Lane, object>> = {
  // Pure functions: the files share processes, so each module is loaded once per process.
  first: { maxWorkers: cores, isolate: false, sequence: { groupOrder: 0 } },
  // A file starts processes of its own, and the lane `engine` runs beside these: more files at once would
  // not be faster, and tests that wait for a process would wait longer.
  together: { maxWorkers: cores, sequence: { groupOrder: 1 } },
  engine: { fileParallelism: false, sequence: { groupOrder: 2 } },
  alone: { fileParallelism: false, sequence: { groupOrder: 3 } },
};

const globalSetups = {
  redis: 'tests/fixtures/redis-server.ts',
  docker: 'tests/fixtures/docker-images.ts',
  swarm: 'tests/fixtures/swarm-engines.ts',
};

const configure = (project: TestProject): TestProjectInlineConfiguration => ({
  test: {
    name: project.name,
    include: [...project.include],
    exclude: [...project.exclude],
    testTimeout: project.timeoutMs,
    hookTimeout: project.timeoutMs,
    // How long a test waits for a state that must come. A test that promises a time asserts it itself.
    expect: { poll: { timeout: 20_000 } },
    globalSetup: project.needs.flatMap((need) => (need === 'chromium' ? [] : [globalSetups[need]])),
    ...(project.needs.includes('redis') ? { setupFiles: ['tests/fixtures/file-redis.ts'] } : {}),
    ...lanes[project.lane],
    // The image of the reaper is not available everywhere. The tests remove what they start.
    ...(project.needs.includes('docker')
      ? { env: { TESTCONTAINERS_RYUK_DISABLED: 'true', TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1' } }
      : {}),
  },
});

export default defineConfig({
  test: {
    // Node loads the modules, as in production. Vite would compile them again for each file.
    experimental: { viteModuleRunner: false },
    sequence: { sequencer: SlowestFirst },
    projects: testProjects.map(configure),
  },
});
