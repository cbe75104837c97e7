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

Written by \`npm run chaos\` from one run of it, on a machine with ${availableParallelism()} processors that ran everything at once: Redis,
gateways, controllers, workers and the client. Do not edit it; run it again:

\`\`\`sh
npm run chaos                                  # every scenario, then a soak of 180 s
npm run chaos -- --scenario replica-killed     # one of them; --list names them
npm run chaos -- --family bad-traffic          # those of one family
npm run chaos -- --scenario soak --seconds 600 --seed 42
npm run chaos -- --soaks 5 --report docs/reliability.md   # this file
\`\`\`

The replicas' work writes one line into a ledger for each execution, with a nonce that its answer repeats; it takes 0 to
200 ms. The client keeps 64 connections busy, half GET, half POST, each request with an id of its own. A refused
connection and 503 mean to it that nothing was accepted, and it sends the request again; a connection that broke under
a request makes it send a GET again, and never a POST. In the end all that it was told is held against the ledger.

| column | is |
|---|---|
| answered right | answers of 2xx that name the request and an execution of it that is in the ledger |
| failed | requests that did not end in 2xx, by the code that the client was left with |
| lost | no answer at all; 2xx that no execution stands behind; or "not done" (503, refused) of a POST that was done |
| unsafe done twice | POSTs with more than one line in the ledger |
| retries | sendings beyond the first of each request |
| slowest ms | from the first sending to the final answer |
| recovery ms | from the fault, or from its end where it lasts, to the first right answer of what it had hit |`,
    section('Faults', faults),
    section('Beside proxies', proxies, proxyText(proxies)),
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
  'What one request, handler, answer or client does to the others, under the same load. `failed` counts requests of the',
  'load, none of which did anything wrong; the note says what became of the bad ones. HAProxy and nginx, told as above,',
  'stand in front of servers that do the same bad work and are started again at once; what they lose is counted, not judged.',
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
    'The same load, and kill -9 of each of five workers or servers in turn, which are started again at once. The servers',
    'behind the proxies do the same work. Of what a dead server held, a proxy sends a GET to another server, or breaks the',
    "connection so that the client does; ringpost keeps it for the replica's replacement, which takes longer, and keeps the",
    'key where it is.',
    '',
    ...told.map(({ name, told: settings }) => `- ${name}: ${settings}`),
  ].join('\n');
}

function descriptions(results: readonly Result[]): string {
  const lines = results.map(({ scenario: { name, description } }) => `- \`${name}\`: ${description}`);
  return lines.length === 0 ? '' : `## What is done, and expected\n\n${lines.join('\n')}`;
}

function notMet(results: readonly Result[]): string {
  const lines = results.flatMap(({ scenario, seed, unmet }) =>
    unmet.map((sentence) => `- \`${scenario.name}\`, seed ${seed}: ${sentence}`),
  );
  return lines.length === 0
    ? '## Expectations\n\nAll were met in this run.'
    : `## Expectations that were not met\n\n${lines.join('\n')}`;
}
