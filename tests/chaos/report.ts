import { availableParallelism } from 'node:os';
import { haproxy, nginx } from './proxy.ts';
import type { Row, Scenario } from './scenario.ts';
import type { FamilyName } from './scenarios/all.ts';
import { cells, columns } from './table.ts';

/** What came of one run of a scenario. */
export interface Result {
  readonly family: FamilyName;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly rows: readonly Row[];
  readonly unmet: readonly string[];
  /** Why it was not run. */
  readonly skipped?: string;
}

/** What the proxies are compared with. */
const compared = 'replica-killed';

/**
 * Writes the report of a run, in Markdown. All numbers in it come from these results.
 * @param seconds how long each soak was.
 */
export function report(results: readonly Result[], seconds: number): string {
  const of = (name: FamilyName): Result[] => results.filter(({ family }) => family === name);
  const [faults, badTraffic, soaks] = [of('faults'), of('bad-traffic'), of('soak')];
  const proxies = results.filter(
    ({ family, scenario }) => family === 'proxies' || scenario.name === compared,
  );
  const skipped = results.filter((result) => result.skipped !== undefined);
  const parts = [
    `# Reliability

Written by \`npm run chaos\` from one run, on a machine with ${availableParallelism()} processors that ran everything: Redis,
gateways, controllers, workers and the client. Do not edit it; run it again:

\`\`\`sh
npm run chaos                                  # every scenario, then a soak of 180 s
npm run chaos -- --scenario replica-killed     # one of them; --list names them
npm run chaos -- --family bad-traffic          # those of one family
npm run chaos -- --scenario soak --seconds 600 --seed 42
npm run chaos -- --soaks 5 --report docs/reliability.md   # this file
\`\`\`

The handler writes one line to a ledger for each execution, with a nonce that its answer repeats, and takes 0 to
200 ms. The client keeps 64 connections busy, half GET, half POST, each request with an id of its own. It takes a
refused connection and 503 to mean that nothing was accepted, and sends the request again. If a connection breaks
during a request, it sends a GET again, and never a POST. In the end all its answers are compared with the ledger.

| column | meaning |
|---|---|
| answered right | answers of 2xx that name the request and an execution of it that is in the ledger |
| failed | requests that did not end in 2xx, by the last code that the client got |
| lost | no answer at all; 2xx without an execution; or "not done" (503, refused) of a POST that was done |
| unsafe done twice | POSTs with more than one line in the ledger |
| retries | sends beyond the first one of each request |
| slowest ms | from the first send to the final answer |
| recovery ms | from the fault, or from its end if it lasts, to the first right answer of the process that it hit |`,
    section('Faults', faults),
    section('Compared with proxies', proxies, proxyText(proxies)),
    section('Bad traffic', badTraffic, badTrafficText),
    section(`Soaks of ${seconds} s`, soaks, soaks[0]?.scenario.description),
    descriptions([...faults, ...badTraffic]),
    notMet(results),
    skipped.length === 0
      ? ''
      : `## Not run\n\n${skipped.map(({ scenario, skipped: why }) => `- \`${scenario.name}\`: ${why}`).join('\n')}`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

const badTrafficText = [
  'The effect of one bad request, handler, answer or client on the others, under the same load. `failed` counts requests of',
  'the load, none of which did anything wrong; the note tells the outcome of the bad ones. HAProxy and nginx, configured as',
  'above, are in front of servers that do the same bad work and are restarted at once. Their losses are counted, not judged.',
].join('\n');

function section(title: string, results: readonly Result[], text = ''): string {
  const rows = results.flatMap(({ rows: own }) => own);
  if (rows.length === 0) return '';
  const lines = [columns, columns.map(() => '---'), ...rows.map(cells)].map(
    (each) => `| ${each.join(' | ')} |`,
  );
  return [`## ${title}`, text, lines.join('\n')].filter((part) => part !== '').join('\n\n');
}

function proxyText(results: readonly Result[]): string {
  const told = [haproxy, nginx].filter(({ name }) =>
    results.some(({ scenario, rows }) => scenario.name === `${name}-replica-killed` && rows.length > 0),
  );
  if (told.length === 0) return '';
  return [
    'The same load, and kill -9 of each of five workers or servers in turn, which are restarted at once. The servers',
    'behind the proxies do the same work. For a request that a dead server held, a proxy sends a GET to another server, or',
    "breaks the connection so that the client does. ringpost keeps the request for the replica's replacement: this takes",
    'longer, but the key stays where it is.',
    '',
    ...told.map(({ name, told: settings }) => `- ${name}: ${settings}`),
  ].join('\n');
}

function descriptions(results: readonly Result[]): string {
  const lines = results.map(({ scenario: { name, description } }) => `- \`${name}\`: ${description}`);
  return lines.length === 0 ? '' : `## Scenarios and expectations\n\n${lines.join('\n')}`;
}

function notMet(results: readonly Result[]): string {
  const lines = results.flatMap(({ scenario, seed, unmet }) =>
    unmet.map((sentence) => `- \`${scenario.name}\`, seed ${seed}: ${sentence}`),
  );
  return lines.length === 0
    ? '## Expectations\n\nAll expectations were met in this run.'
    : `## Expectations that were not met\n\n${lines.join('\n')}`;
}
