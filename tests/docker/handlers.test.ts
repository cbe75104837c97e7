import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer } from 'testcontainers';
import { expect, inject, it, onTestFinished } from 'vitest';
import { docker, inspect } from '../fixtures/docker-engine.ts';
import { untilRep } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const handler = `export default (request, { replica }) =>
  new Response(replica + ' serves ' + new URL(request.url).pathname);
`;

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-handler-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // The worker runs as another user.
  await chmod(folder, 0o755);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** @returns the status and text of an answer, and the text expected from the replica that gave it. */
async function served(url: string): Promise<{ status: number; text: string; expected: string }> {
  await untilRep(url, ['S1', 'S2', 'S3'], 60_000);
  const response = await fetch(`${url}/a/b?c`);
  const expected = `${response.headers.get('ringpost-replica')} serves /a/b`;
  return { status: response.status, text: await response.text(), expected };
}

it('a mounted HANDLER serves, and its folder is read-only', async () => {
  const folder = await folderWith({ 'handler.mjs': handler });
  const { startController, startGateway } = await system();
  await startController({ WORKER_MOUNTS: `${folder}:/handler`, HANDLER: '/handler/handler.mjs' });
  const { url } = await startGateway();
  const { status, text, expected } = await served(url);
  expect({ status, text }).toEqual({ status: 200, text: expected });
  const { HostConfig } = await inspect('S1');
  expect(HostConfig.Binds).toEqual([`${folder}:/handler:ro`]);
  await expect(docker('exec', 'S1', 'touch', '/handler/x')).rejects.toThrow('Read-only file system');
});

it('a HANDLER in a derived image serves', async () => {
  // docs/docker.md shows this Dockerfile.
  const folder = await folderWith({
    'handler.mjs': handler,
    Dockerfile: [
      `FROM ${inject('workerImage')}`,
      'COPY handler.mjs /app/handler/handler.mjs',
      'ENV HANDLER=/app/handler/handler.mjs',
      '',
    ].join('\n'),
  });
  const image = `ringpost-test-derived:${randomBytes(4).toString('hex')}`;
  await GenericContainer.fromDockerfile(folder).build(image, { deleteOnExit: false });
  onTestFinished(() => docker('rmi', '-f', image).then(() => undefined));
  const { startController, startGateway } = await system();
  await startController({ WORKER_IMAGE: image });
  const { url } = await startGateway();
  const { status, text, expected } = await served(url);
  expect({ status, text }).toEqual({ status: 200, text: expected });
});
