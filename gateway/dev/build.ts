import type { Message } from 'esbuild';

/** What became of the handler's files at one moment. */
export interface Build {
  /** The bundle; undefined if there are errors. */
  readonly code: string | undefined;
  readonly errors: readonly Message[];
  readonly warnings: readonly Message[];
}

/** The folders and files of a builder, all absolute. */
export interface BuilderInput {
  /** The project's folder. */
  readonly project: string;
  /** The handler's file. */
  readonly file: string;
  /** The folder from which messages name files. */
  readonly cwd: string;
  /** The folder in which the bundle will be written. */
  readonly folder: string;
}

/** @returns a build as one line of text. */
export function encodeBuild({ code, errors, warnings }: Build): string {
  // `detail` may be anything, e.g. an error of a plugin.
  const shown = (message: Message): object => ({ ...message, detail: undefined });
  return JSON.stringify({ code, errors: errors.map(shown), warnings: warnings.map(shown) });
}

/** @param line of {@link encodeBuild}. */
export function decodeBuild(line: string): Build {
  return JSON.parse(line) as Build;
}
