import type { ExitCode } from './failure.ts';
import type { Output } from './output.ts';

/** What a command gets besides its options and arguments. */
export interface Context {
  /** The environment of this process, secrets included. */
  readonly settings: NodeJS.ProcessEnv;
  /** What is wrong with the files of its secrets. */
  readonly faults: readonly string[];
  readonly output: Output;
  /** Sets the exit code of a command that has printed its result. */
  readonly exitWith: (code: ExitCode) => void;
}
