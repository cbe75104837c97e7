/**
 * `npm run release:check`: builds the npm package, installs it into empty projects with each Node.js that it
 * promises to run on, and tries what docs/package.md says. The last line is: N passed, N failed, N skipped.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../fixtures/command.ts';
import { pack } from './build.ts';
import { checkProject, checkTarball, checkTypes } from './checks.ts';
import { majors, nodeVersion } from './node-versions.ts';
import { Project } from './project.ts';
import { quickStart } from './quick-start.ts';
import { Tally } from './tally.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const tally = new Tally(say);
// npm requires the version.
const { version } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
  version: string;
};

const packed = await pack();
await checkTarball(tally, packed);
for (const major of majors) {
  const { binary, reason } = nodeVersion(major);
  if (binary === undefined) {
    tally.skip(`Node ${major}`, `the registry did not give it: ${reason}`);
    continue;
  }
  const project = new Project(binary);
  // Where the scripts of dependencies are blocked, all has to work too.
  const options = major === '22' ? [] : ['--ignore-scripts'];
  const label = `Node ${major}`;
  await checkProject(tally, project, { label, tarball: packed.file, options, version });
  if (major === majors.at(-1)) await checkTypes(tally, project);
  if (major !== '24')
    await tally.check(`${label}: the README's four commands`, () => quickStart(packed.file, binary));
  rmSync(project.folder, { recursive: true, force: true, maxRetries: 5 });
}
say(tally.line);
process.exitCode = tally.failed === 0 ? 0 : 1;
