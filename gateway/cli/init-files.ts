/** A file that `init` writes. */
export interface ProjectFile {
  readonly name: string;
  readonly content: string;
}

export interface ProjectFiles {
  readonly files: readonly ProjectFile[];
  /** The names of two of them. */
  readonly handler: string;
  readonly test: string;
}

/**
 * @param packageType the `type` of the user's package. In a `commonjs` one, Node.js reads a `.ts` file as
 * CommonJS, so that modules are named `.mts`.
 */
export function projectFiles(packageType: string | undefined): ProjectFiles {
  const ending = packageType === 'commonjs' ? 'mts' : 'ts';
  const handler = `handler.${ending}`;
  const test = `handler.test.${ending}`;
  return {
    handler,
    test,
    files: [
      { name: handler, content: handlerText },
      { name: test, content: testText(handler) },
      { name: 'compose.yaml', content: composeText(handler) },
    ],
  };
}

const handlerText = `import type { FetchFunction } from 'ringpost/handler';

// All requests of one key come to the same replica, so this map needs no database.
const visits = new Map<string, number>();

const handle: FetchFunction = (request, context) => {
  const key = request.headers.get('ringpost-key') ?? 'nobody';
  const count = (visits.get(key) ?? 0) + 1;
  visits.set(key, count);
  return Response.json({ replica: context.replica, key, visits: count });
};

export default handle;
`;

const testText = (handler: string): string => `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRingpost } from 'ringpost/testing';

test('counts the visits of one key in one replica', async () => {
  const system = await startRingpost({ handler: './${handler}', replicas: 2 });
  try {
    for (const visits of [1, 2, 3]) {
      const response = await system.fetch('/hello', { headers: { 'ringpost-key': 'tenant-7' } });
      const answer = (await response.json()) as { visits: number };
      assert.equal(answer.visits, visits);
    }
  } finally {
    await system.stop();
  }
});
`;

const composeText = (handler: string): string => `# docker compose up, after npm install
services:
  redis:
    image: redis:7-bookworm
    command: redis-server --appendonly yes --maxmemory-policy noeviction
    volumes:
      - redis:/data
    healthcheck:
      test: redis-cli ping
      interval: 1s
      retries: 30

  ringpost:
    image: node:26-bookworm-slim
    init: true
    user: node
    # The project is mounted read-only. What ringpost writes stays in the container.
    working_dir: /tmp
    command: /app/node_modules/.bin/ringpost start
    volumes:
      - .:/app:ro
    environment:
      HOST: 0.0.0.0
      HANDLER: /app/${handler}
      REDIS_URL: redis://redis:6379
      # Without a token, nobody can add or remove replicas.
      ADMIN_TOKEN: \${ADMIN_TOKEN:-}
    ports:
      - 127.0.0.1:5000:5000
    depends_on:
      redis:
        condition: service_healthy

volumes:
  redis:
`;
