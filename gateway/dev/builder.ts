/**
 * A program that builds a handler whenever one of its files changes, and writes each build to stdout as one
 * line. `ringpost dev` runs it: esbuild's own process ends with this one, however the command ends.
 */
import { watchHandler } from './bundler.ts';
import { encodeBuild } from './build.ts';
import type { BuilderInput } from './build.ts';
import { loadEsbuild } from './esbuild.ts';

// The command starts it with one argument.
const { project, ...paths } = JSON.parse(process.argv[2] ?? '{}') as BuilderInput;
await watchHandler({
  ...paths,
  esbuild: await loadEsbuild(project),
  onBuild: (build) => void process.stdout.write(`${encodeBuild(build)}\n`),
});
