import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();

it('all steps of the assignment pass, and a killed replica is replaced under a random name', async () => {
  const { run, startReady } = await scratch();
  const { url } = await startReady({ RING: 'assignment', RESPAWN: 'new', REPLICAS: '2' });
  const script = join(projectFolder, 'examples', 'assignment.ts');
  const steps = run(process.execPath, [script, '--url', url, '--requests', '300']);
  const { code } = await steps.exited;
  const said = `${steps.stdout()}${steps.stderr()}`;
  expect(code, said).toBe(0);
  expect(said.match(/^ {2}N = \d/gm)).toEqual([2, 3, 4, 5, 6, 6].map((n) => `  N = ${n}`));
  expect(said).toMatch(/^killed S2: S\d{6} has its place/m);
  expect(said).toContain('all results are as in the assignment');
});
