import { setupOf } from './checkouts.ts';
import { reasonKinds, testsOf } from './reason.ts';
import { passed } from './results.ts';
import { gatewaySettings } from './run-all.ts';
import type { SuiteRuns } from './run-all.ts';

/** @returns the document, in Markdown. All numbers in it come from these runs. */
export function document(runs: readonly SuiteRuns[]): string {
  const first = (results: SuiteRuns['direct']): number => passed(results[0] ?? new Map());
  const rows = runs.map(({ suite, direct, through, comparison }) =>
    [
      `[${suite.repository}](https://github.com/${suite.repository})`,
      `${suite.version}, \`${suite.commit.slice(0, 10)}\``,
      first(direct),
      first(through),
      [...comparison.explained.values()].flat().length,
    ].join(' | '),
  );
  const settings = Object.entries(gatewaySettings).map(([name, value]) => `\`${name}=${value}\``);
  return `# Compatibility

<!-- Written by \`npm run suites\`. Do not edit it; run it again. -->

The test suites of widely used servers and clients are run twice: directly, and with their client connections sent
through a ringpost gateway. A suite sees what its requests and answers look like after the gateway, the queue and a
worker with \`UPSTREAM\` have handled them. \`npm run suites\` wrote this page with Node ${process.versions.node}.

| suite | version, commit | passed directly | passed through | differences |
|---|---|--:|--:|--:|
${rows.map((row) => `| ${row} |`).join('\n')}

Every difference is named below with its reason. The script exits with 1 if there is one without a reason, or a reason
without its difference. Tests that fail in both cases are not counted: they need the internet, or another version of
Node. Tests of a file with the same title count as one.

## Run it

\`SUITES_DIR\` is a folder with a checkout of each suite. The suites are not part of this repository.

\`\`\`sh
mkdir suites && cd suites && export SUITES_DIR=$PWD
${runs.map(({ suite }) => setupOf(suite)).join('\n')}
cd -
npm run suites                                 # all suites, and this page
npm run suites -- --only express,superagent    # some of them; the page stays as it is
npm run suites -- --times 3                    # each three times; prints what changes from run to run
\`\`\`

## How it works

- A preload redirects each connection to a loopback port on which the suite's own process listens: it goes to the
  gateway instead. No byte changes. The source address of the connection stands for the port (\`127.84.x.y\`, or
  \`127.86.x.y\` with IPv6), so this runs on Linux only. Connections over TLS, HTTP/2 and Unix sockets stay direct.
- The gateway has three replicas, \`UPSTREAM\` and these settings: ${settings.join(', ')}.
  The suites speak as proxies do, so the gateway has to believe their \`X-Forwarded-*\`.
- The upstream is a small relay. It reads the port from \`Forwarded\` and passes the bytes on to the suite's own server. It
  changes nothing except \`Connection\`, which it sets to \`close\`.
- The reasons are in \`tests/suites/reasons.json\`, by suite and test.

## Differences

${Object.entries(reasonKinds)
  .map(([kind, text]) => `- **${kind}**: ${text}`)
  .join('\n')}

${runs.map(differencesOf).join('\n\n')}
`;
}

function differencesOf({ suite, comparison }: SuiteRuns): string {
  const parts = [...comparison.explained].flatMap(([reason, differences]) => {
    const { kind, why } = reason;
    const alone = new Set(
      differences.flatMap(({ test, direct }) => (direct?.state === 'passed' ? [] : [test])),
    );
    const lines = testsOf(reason).map((test) => {
      const note = kind !== 'timing' && alone.has(test) ? ' (passes through the gateway alone)' : '';
      return `- ${codeOf(test)}${note}`;
    });
    return [`**${kind}**: ${why}`, lines.join('\n')];
  });
  return [`### ${suite.name}`, ...(parts.length === 0 ? ['None.'] : parts)].join('\n\n');
}

/** @returns a text as code in Markdown, whatever backticks it has. */
export function codeOf(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}
