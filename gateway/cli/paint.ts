import { styleText } from 'node:util';

/** Colours for words of the output. Each returns its text unchanged if colours are off. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
}

/**
 * @param isTerminal whether the output goes to a terminal.
 * @param env `NO_COLOR` (if it is not empty) turns colours off, `FORCE_COLOR` turns them on or, as `0` or
 * `false`, off.
 */
export function usesColours(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR = '', FORCE_COLOR, TERM } = env;
  if (NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return isTerminal && TERM !== 'dumb';
}

export function createPaint(on: boolean): Paint {
  const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    on ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: style('bold'),
    dim: style('dim'),
    good: style('green'),
    warning: style('yellow'),
    bad: style('red'),
  };
}
