import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import { testProjects } from './tests/runner/projects.ts';
import type { Lane, TestProject } from './tests/runner/projects.ts';
import { SlowestFirst } from './tests/runner/slowest-first.ts';

const cores = availableParallelism();

/** How the files of a lane run, see {@link Lane}. Lanes with a lower `groupOrder` run first. */
const lanes: Readonly<Record<Lane, object>> = {
  // Pure functions: files share a process, which loads each module once.
  first: { maxWorkers: cores, isolate: false, sequence: { groupOrder: 0 } },
  // More files than cores, since most of the time each of them waits for a lease, a deadline or a process.
  together: { maxWorkers: 2 * cores, sequence: { groupOrder: 1 } },
  engine: { fileParallelism: false, sequence: { groupOrder: 2 } },
  alone: { fileParallelism: false, sequence: { groupOrder: 3 } },
};

const globalSetups = { redis: 'tests/fixtures/redis-server.ts', docker: 'tests/fixtures/docker-images.ts' };

const configure = (project: TestProject): TestProjectInlineConfiguration => ({
  test: {
    name: project.name,
    include: [...project.include],
    exclude: [...project.exclude],
    testTimeout: project.timeoutMs,
    hookTimeout: project.timeoutMs,
    globalSetup: project.needs.flatMap((need) => (need === 'chromium' ? [] : [globalSetups[need]])),
    ...lanes[project.lane],
    // The reaper is an image that cannot be had everywhere; the tests remove what they start themselves.
    ...(project.needs.includes('docker')
      ? { env: { TESTCONTAINERS_RYUK_DISABLED: 'true', TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1' } }
      : {}),
  },
});

export default defineConfig({
  test: {
    // Node.js loads the modules itself, as it does in production; vite would compile them once more for each
    // file.
    experimental: { viteModuleRunner: false },
    sequence: { sequencer: SlowestFirst },
    projects: testProjects.map(configure),
  },
});
