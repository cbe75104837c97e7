import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ownModule } from '#shared/process/own-module.ts';
import { spawnTethered } from '#shared/process/tethered.ts';
import { decodeBuild } from './build.ts';
import type { Build, BuilderInput } from './build.ts';

export interface RunBuilderOptions extends BuilderInput {
  readonly env: NodeJS.ProcessEnv;
  /** Called after the first build, and after each one that a change of a file has led to. */
  readonly onBuild: (build: Build) => void;
  /** Called if the builder ends by itself: no change is seen any more. */
  readonly onEnded: (how: string) => void;
}

const program = fileURLToPath(ownModule('builder.ts', import.meta.url));

/**
 * Builds a handler in another process, and builds it again whenever one of its files changes.
 * @returns a function that stops that.
 */
export function runBuilder({ env, onBuild, onEnded, ...input }: RunBuilderOptions): () => void {
  const builder = spawnTethered(process.execPath, [program, JSON.stringify(input)], {
    env,
    stdout: 'pipe',
    onParentDeath: 'SIGKILL',
  });
  let isStopped = false;
  if (builder.stdout !== null)
    createInterface({ input: builder.stdout }).on('line', (line) => onBuild(decodeBuild(line)));
  void builder.exited.then(({ code, signal }) => {
    if (!isStopped) onEnded(signal ?? `exit code ${code}`);
  });
  return () => {
    isStopped = true;
    builder.kill('SIGKILL');
  };
}
