import { defineConfig } from 'vitest/config';

const project = (name: string, timeout: number, extra: Record<string, unknown> = {}) => ({
  test: {
    name,
    include: [`tests/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    ...extra,
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 20_000),
      project('integration', 60_000, { globalSetup: ['tests/fixtures/redis-server.ts'] }),
      project('e2e', 120_000, { globalSetup: ['tests/fixtures/redis-server.ts'], fileParallelism: false }),
    ],
  },
});
