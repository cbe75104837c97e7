/** Rough upper limits of letter widths in DejaVu Sans, as a share of the font size. */
const narrow = 0.36;
const wide = 0.95;
const usual = 0.635;
/** How much wider the bold font is. */
const boldness = 1.1;

/**
 * Estimates the width of a line of text. Without a canvas, Vega's own estimate is a third too wide and leaves
 * empty margins in charts.
 * @param size the font size, in px.
 * @returns the width in px.
 */
export function textWidth(line: string, size: number, bold: boolean): number {
  let width = 0;
  for (const letter of line) {
    if ("ijltfrI.,:;'|()[]!/- ".includes(letter)) width += narrow;
    else width += 'mwMW%…'.includes(letter) ? wide : usual;
  }
  return width * size * (bold ? boldness : 1);
}
