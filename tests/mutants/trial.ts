/** What a session is to try. */
export interface Trial {
  readonly number: number;
  /** The text that stands instead of {@link SessionPlan.original}. */
  readonly text: string;
}

/** What came of it. */
export interface Tried {
  readonly number: number;
  /** The first test that failed, or what else told the mutant. Undefined if all tests passed. */
  readonly by?: string | undefined;
  /** Whether the test failed because it took too long. */
  readonly late: boolean;
  /** How many tests passed or failed. */
  readonly ran: number;
  /** Whether the script has been called so far; true for other files. */
  readonly used: boolean;
  readonly heapBytes: number;
}

/** What a session is started with. */
export interface SessionPlan {
  readonly folder: string;
  /** Vitest's own settings. */
  readonly config: object;
  /** Test files, in the order in which they run. */
  readonly tests: readonly string[];
  /** The file whose text is replaced, or undefined if it is the text of a Lua script. */
  readonly file?: string;
  readonly original: string;
  readonly redisUrl?: string;
}

/** The trial that runs in this thread. */
export const currentTrial = { number: 0, text: '' };
