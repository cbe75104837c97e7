/** Sections whose measurement takes so long that a report keeps them from the one before. */
const kept = ['Growth'];

const note = 'Kept from an earlier report';

/**
 * @param before the Markdown of the report before; empty if there is none
 * @param after the Markdown of the new report
 * @returns the new report, with the long sections that it lacks from the one before. Each names its date.
 */
export function withKeptSections(before: string, after: string): string {
  const date = /Date:\s+(\d{4}-\d\d-\d\d)/.exec(before)?.[1] ?? 'an unknown day';
  let text = after;
  for (const title of kept) {
    const old = section(before, title);
    if (old === undefined || section(text, title) !== undefined) continue;
    const heading = `## ${title}\n`;
    const told = old.includes(`\n${note}`)
      ? old
      : old.replace(heading, `${heading}\n${note}: measured on ${date}, with the version of that day.\n`);
    const at = text.indexOf('\n## Limits\n');
    text = at === -1 ? `${text}\n${told}` : `${text.slice(0, at + 1)}${told}\n${text.slice(at + 1)}`;
  }
  return text;
}

/** @returns a section with its heading, ending in one line break. */
function section(text: string, title: string): string | undefined {
  const start = text.indexOf(`\n## ${title}\n`);
  if (start === -1) return undefined;
  const end = text.indexOf('\n## ', start + 1);
  return `${text.slice(start + 1, end === -1 ? undefined : end).trimEnd()}\n`;
}
