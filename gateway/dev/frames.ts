import { readFileSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Location, Message, PartialMessage } from 'esbuild';
import type { Esbuild } from './esbuild.ts';
import type { LoadFault } from './preflight.ts';

export interface FramesOptions {
  readonly esbuild: Esbuild;
  /** The handler's file, absolute. */
  readonly file: string;
  /** The folder from which files are named, absolute. */
  readonly cwd: string;
  readonly color: boolean;
}

type Place = Pick<Location, 'file' | 'line' | 'column' | 'lineText'>;

/** Shows what is wrong with a handler: a message with the line that it is about. */
export class Frames {
  readonly #options: FramesOptions;

  constructor(options: FramesOptions) {
    this.#options = options;
  }

  /** @returns the first error of a build as text, and how many others there are. */
  async ofErrors(errors: readonly Message[]): Promise<string> {
    const [first] = errors;
    if (first === undefined) return '';
    const more = errors.length - 1;
    const others = more === 0 ? '' : `\n(${more} more ${more === 1 ? 'error' : 'errors'})`;
    return `${await this.#format(first, 'error')}${others}`;
  }

  /** @returns the warnings of a build as text; empty if there are none. */
  async ofWarnings(warnings: readonly Message[]): Promise<string> {
    const all = await Promise.all(warnings.map((warning) => this.#format(warning, 'warning')));
    return all.join('\n');
  }

  /** @param bundle the absolute path that the error's message may have. */
  ofFault({ message, stack, output }: LoadFault, bundle: string): Promise<string> {
    const { file, cwd } = this.#options;
    const shown = relative(cwd, file);
    const text = message
      .replaceAll(bundle, shown)
      // It names the setting, which the user has not made.
      .replace(`Error: HANDLER ${shown}: `, '');
    const place = this.#placeIn(stack, bundle) ?? this.#placeAt(file, 1, 0);
    const notes = output === '' ? [] : [{ text: `It wrote:\n${output}` }];
    return this.#format({ text, location: place ?? null, notes }, 'error');
  }

  async #format(message: PartialMessage, kind: 'error' | 'warning'): Promise<string> {
    const { esbuild, color } = this.#options;
    const [text = ''] = await esbuild.formatMessages([message], { kind, color });
    return text.trimEnd();
  }

  /** @returns the first place in a stack that is in a file of the user's. */
  #placeIn(stack: string, bundle: string): Place | undefined {
    for (const line of stack.split('\n')) {
      const [, named, row, column] = /^ {4}at .*?((?:file:\/\/)?\/[^()]*):(\d+):(\d+)\)?$/.exec(line) ?? [];
      if (named === undefined) continue;
      const file = named.startsWith('file:') ? fileURLToPath(named) : named;
      const isOther = !isAbsolute(file) || file.includes(`${sep}node_modules${sep}`) || file === bundle;
      if (isOther || file.startsWith(ownFolder)) continue;
      return this.#placeAt(file, Number(row), Number(column) - 1);
    }
    return undefined;
  }

  #placeAt(file: string, line: number, column: number): Place | undefined {
    try {
      const lineText = readFileSync(file, 'utf8').split(/\r?\n/)[line - 1] ?? '';
      return { file: relative(this.#options.cwd, file), line, column, lineText };
    } catch {
      return undefined;
    }
  }
}

/** Of ringpost's workers. */
const ownFolder = fileURLToPath(new URL('../../worker/', import.meta.url));
