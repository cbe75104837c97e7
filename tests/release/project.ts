import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { processesIn, projectFolder, runCommand } from '../fixtures/command.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { examplesOf } from './examples.ts';
import { npmInstall } from './node-versions.ts';

/** A user's project with the package in it. */
export class Project {
  readonly folder: string;
  readonly #node: string;
  readonly #program: string;

  /** @param node the Node.js that everything in it runs with. */
  constructor(node: string) {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'ringpost-release-')));
    this.#node = node;
    this.#program = join(this.folder, 'node_modules', '.bin', 'ringpost');
    this.write('package.json', '{"name":"user","version":"1.0.0","private":true,"type":"module"}\n');
    const page = readFileSync(join(projectFolder, 'docs', 'package.md'), 'utf8');
    for (const [name, text] of examplesOf(page)) this.write(name, text);
  }

  write(name: string, text: string): void {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Installs the tarball as a user would. @returns what npm said. */
  install(tarball: string, options: readonly string[]): string {
    return npmInstall(this.folder, this.#node, [...options, tarball]);
  }

  /** @returns MB that `node_modules` has, and the names of packages that would run a script at install. */
  installed(): { readonly megabytes: number; readonly withScripts: readonly string[] } {
    const modules = join(this.folder, 'node_modules');
    let bytes = 0;
    const withScripts: string[] = [];
    for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      bytes += statSync(file).size;
      if (entry.name !== 'package.json') continue;
      // npm packages have this form.
      const { name, scripts } = JSON.parse(readFileSync(file, 'utf8')) as {
        name?: string;
        scripts?: Record<string, string>;
      };
      const runs = ['preinstall', 'install', 'postinstall'].some((script) => scripts?.[script] !== undefined);
      if (runs && name !== undefined) withScripts.push(name);
    }
    return { megabytes: bytes / 1e6, withScripts };
  }

  /** Links a package of the repository into the project. */
  link(name: string): void {
    symlinkSync(join(projectFolder, 'node_modules', name), join(this.folder, 'node_modules', name));
  }

  /** Runs `node` with these arguments in the project. */
  node(args: readonly string[], settings: NodeJS.ProcessEnv = {}): RunningCommand {
    // Without the cache of the repository's own code.
    return runCommand(this.#node, args, { NODE_COMPILE_CACHE: undefined, ...settings }, this.folder);
  }

  /** Runs the program `ringpost` as npx does. */
  ringpost(args: readonly string[], settings: NodeJS.ProcessEnv = {}): RunningCommand {
    return this.node([this.#program, ...args], settings);
  }

  /** Resolves once no process runs in the project any more. @throws {Error} if one still does after 20 s. */
  async untilNothingRuns(): Promise<void> {
    for (let tries = 0; tries < 400; tries += 1) {
      if ((await processesIn(this.folder)).length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`processes are left: ${(await processesIn(this.folder)).join(' ')}`);
  }
}

/**
 * @returns what a command printed on stdout, once it has ended.
 * @throws {Error} if its exit code is another.
 */
export async function outputOf(command: RunningCommand, code = 0): Promise<string> {
  const ended = await command.exited;
  const said = `${command.stdout()}\n${command.stderr()}`;
  assert.equal(ended.code, code, `it ended with ${ended.code ?? ended.signal}:\n${said}`);
  return command.stdout();
}
