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
      project('e2e', 120_000, {
        globalSetup: ['tests/fixtures/redis-server.ts'],
        // They measure times: one file after the other, and nothing beside them.
        fileParallelism: false,
        sequence: { groupOrder: 1 },
      }),
      project('browser', 60_000, {
        globalSetup: ['tests/fixtures/redis-server.ts'],
        // Each file starts a browser.
        fileParallelism: false,
        sequence: { groupOrder: 2 },
      }),
      project('docker', 180_000, {
        globalSetup: ['tests/fixtures/docker-images.ts'],
        // Containers have the replicas' names, of which an engine has each but once.
        fileParallelism: false,
        sequence: { groupOrder: 3 },
        // The reaper is an image that cannot be had everywhere; the tests remove what they start themselves.
        env: { TESTCONTAINERS_RYUK_DISABLED: 'true', TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1' },
      }),
    ],
  },
});
