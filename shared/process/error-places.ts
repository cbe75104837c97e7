import { codeFrame, placeIn, shownPlace } from './code-frame.ts';
import type { SourcePlace } from './code-frame.ts';
import { framesOf, safeMessage } from './safe-error.ts';

/** What is to be shown of an error. */
export interface LookedAt {
  /** Whether no error of the same place was shown in this window. */
  readonly isNew: boolean;
  /** The code frame of its place, if it is new and its file can be read. */
  readonly frame?: string;
}

const maxPlaces = 50;

/** The places in users' code whose errors were shown lately, so that each is shown once in a while. */
export class ErrorPlaces {
  readonly #seen = new Set<string>();

  /** Begins a new window: every place is new again. */
  clear(): void {
    this.#seen.clear();
  }

  /** @param thrown anything. Never throws. */
  look(thrown: unknown): LookedAt {
    const place = placeOf(thrown);
    const key = place === undefined ? safeMessage(thrown) : shownPlace(place);
    // If there are too many, each further one counts as known, so that ever new ones do not flood the log.
    if (this.#seen.has(key) || this.#seen.size >= maxPlaces) return { isNew: false };
    this.#seen.add(key);
    const frame = place === undefined ? undefined : codeFrame(place);
    return frame === undefined ? { isNew: true } : { isNew: true, frame };
  }
}

/** @returns the place in the user's code where an error was made, if there is one. Never throws. */
export function placeOf(thrown: unknown): SourcePlace | undefined {
  try {
    return thrown instanceof Error ? placeIn(framesOf(thrown)) : undefined;
  } catch {
    return undefined;
  }
}
