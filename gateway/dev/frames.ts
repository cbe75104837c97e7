import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Location, Message, PartialMessage } from 'esbuild';
import { placeIn } from '#shared/process/code-frame.ts';
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
  ofErrors(errors: readonly Message[]): string {
    const [first] = errors;
    if (first === undefined) return '';
    const more = errors.length - 1;
    const others = more === 0 ? '' : `\n(${more} more ${more === 1 ? 'error' : 'errors'})`;
    return `${this.#format(first, 'error')}${others}`;
  }

  /** @returns the warnings of a build as text; empty if there are none. */
  ofWarnings(warnings: readonly Message[]): string {
    return warnings.map((warning) => this.#format(warning, 'warning')).join('\n');
  }

  /** @param bundle the absolute path that the error's message may have. */
  ofFault({ message, stack, output }: LoadFault, bundle: string): string {
    const { file, cwd } = this.#options;
    const text = message
      // It names the setting, which the user has not made.
      .replace(/^HandlerLoadError: HANDLER .*? cannot be loaded: /, '')
      .replaceAll(bundle, relative(cwd, file));
    const place = this.#placeIn(stack, bundle) ?? this.#placeAt(file, 1, 0);
    const notes = output === '' ? [] : [{ text: `It wrote:\n${output}` }];
    return this.#format({ text, location: place ?? null, notes }, 'error');
  }

  #format(message: PartialMessage, kind: 'error' | 'warning'): string {
    const { esbuild, color } = this.#options;
    const [text = ''] = esbuild.formatMessagesSync([message], { kind, color });
    return text.trimEnd();
  }

  /** @returns the first place in a stack that is in a file of the user's. */
  #placeIn(stack: string, bundle: string): Place | undefined {
    const place = placeIn(stack.split('\n').filter((line) => !line.includes(bundle)));
    return place && this.#placeAt(place.file, place.line, place.column - 1);
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
