/**
 * @param page Markdown.
 * @returns the examples of a page by the name of their file: code blocks whose first line is `// <name>`.
 */
export function examplesOf(page: string): ReadonlyMap<string, string> {
  const blocks = page.matchAll(/^```(?:ts|js)\n\/\/ (\S+)\n(.*?)^```$/gms);
  return new Map(Array.from(blocks, ([, name = '', text = '']) => [name, text]));
}
