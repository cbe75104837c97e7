import { alikeText } from '#shared/process/alike-text.ts';

/** Time in ms after which the same is passed on again. Longer than a crash loop backs off. */
const alikeMs = 90_000;
/** How a worker marks a line that other workers may write too. */
const mark = '"alike":true';

/**
 * Workers that fail alike say the same, again and again. Of the lines that they mark, only one is passed on:
 * that of the first worker, and again when a worker has said something else meanwhile.
 */
export class AlikeLines {
  /** The last marked line of each replica. */
  readonly #last = new Map<string, { readonly text: string; readonly at: number }>();

  /**
   * @param now in ms, from a clock that never goes back.
   * @returns whether to pass the line on.
   */
  accepts(replica: string, line: string, now: number): boolean {
    if (!line.includes(mark)) return true;
    const text = textOf(line);
    const isKnown = [...this.#last.values()].some((each) => each.text === text && now - each.at < alikeMs);
    this.#last.set(replica, { text, at: now });
    return !isKnown;
  }
}

/** @returns what a line says, whoever says it and when. */
function textOf(line: string): string {
  try {
    const { msg, frame } = JSON.parse(line) as { readonly msg?: unknown; readonly frame?: unknown };
    return alikeText(JSON.stringify([msg, frame]));
  } catch {
    return line;
  }
}
