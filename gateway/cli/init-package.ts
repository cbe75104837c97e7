/** What `npm init` writes where a package has no test yet. */
const noTest = 'echo "Error: no test specified" && exit 1';

/**
 * Adds scripts to a package.json. A script that is there stays.
 * @param text of the file.
 * @returns the new text and the names of the added scripts; undefined if all are there.
 */
export function withScripts(
  text: string,
  handler: string,
  test: string,
): { readonly text: string; readonly added: readonly string[] } | undefined {
  // `init` has parsed it before.
  const content = JSON.parse(text) as { readonly scripts?: Readonly<Record<string, string>> };
  const scripts = { ...content.scripts };
  const wanted = {
    dev: `ringpost dev ${handler}`,
    start: `ringpost start --handler ${handler}`,
    test: `node --test ${test}`,
  };
  const added = Object.entries(wanted).filter(
    ([name]) => scripts[name] === undefined || scripts[name] === noTest,
  );
  if (added.length === 0) return undefined;
  const indent = /^[ \t]+(?=")/m.exec(text)?.[0] ?? '  ';
  const merged = { ...content, scripts: { ...scripts, ...Object.fromEntries(added) } };
  return { text: `${JSON.stringify(merged, null, indent)}\n`, added: added.map(([name]) => name) };
}
