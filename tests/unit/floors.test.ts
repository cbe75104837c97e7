import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';

/**
 * The rooms of each role, from the top floor down. A file may import from its own room and from the floors
 * below, but not from another room on its floor or from one above. A role's own folder is its top floor. Both
 * roles stand on `shared`.
 */
const houses: readonly (readonly (readonly string[])[])[] = [
  [
    ['gateway/cli'],
    ['gateway/dev'],
    ['gateway/package'],
    ['gateway'],
    ['gateway/api'],
    ['gateway/routes'],
    ['gateway/async', 'gateway/metrics'],
    ['gateway/controller', 'gateway/dispatch'],
    ['gateway/autoscale', 'gateway/joins', 'gateway/limits', 'gateway/load'],
    ['gateway/ring'],
    ['gateway/settings'],
    ['gateway/callbacks', 'gateway/streams'],
    ['gateway/records'],
    ['gateway/caller', 'gateway/admin', 'gateway/access-log', 'gateway/trace'],
    ['gateway/request', 'gateway/http', 'gateway/swarm'],
    [
      'gateway/dashboard',
      'gateway/drivers',
      'gateway/edge',
      'gateway/openapi',
      'gateway/outliers',
      'gateway/redis',
    ],
  ],
  [
    ['worker'],
    ['worker/join', 'worker/session'],
    ['worker/queue'],
    ['worker/run'],
    ['worker/stream'],
    ['worker/lease', 'worker/notes', 'worker/reply', 'worker/trace'],
    ['worker/handlers'],
    ['worker/command'],
  ],
  [
    ['shared/store/ring'],
    ['shared/store/queue', 'shared/store/records'],
    ['shared/store/streams'],
    [
      'shared/store/callbacks',
      'shared/store/joins',
      'shared/store/lease',
      'shared/store/limits',
      'shared/store/replies',
    ],
    ['shared/store/repair'],
    ['shared/store/scripts'],
    ['shared/client', 'shared/settings', 'shared/store/redis', 'shared/trace'],
    ['shared/store/target'],
    ['shared/process', 'shared/ring', 'shared/store/keys'],
    ['shared/contract', 'shared/v8'],
  ],
];

/** The entry point of the npm package gives programs both roles, which know nothing of each other. */
const joint = 'gateway/package/index.ts';

/**
 * Modules that only one folder may import, and the exceptions outside that folder. No exception may be added.
 */
const doors: Readonly<Record<string, { readonly within: string; readonly others: readonly string[] }>> = {
  ioredis: { within: 'shared/store/', others: ['shared/v8/command-promises.ts'] },
  bullmq: { within: 'shared/store/', others: [] },
  'shared/store/keys/keys.ts': { within: 'shared/store/', others: [] },
  'shared/store/redis/access.ts': { within: 'shared/store/', others: [] },
  'shared/store/scripts/': { within: 'shared/store/', others: [] },
};

interface Import {
  readonly from: string;
  /** A file of the project, or the name of a package. */
  readonly to: string;
}

const files = ['gateway', 'worker', 'shared'].flatMap((folder) =>
  readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((name) => /\.tsx?$/.test(name) && !name.includes('/node_modules/')),
);

const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(join(projectFolder, from), 'utf8');
  const found = text.matchAll(/^(?:import|export)\b(?:[^'=;]*\bfrom)? '([^']+)'|\bimport\('([^']+)'\)/gm);
  return Array.from(found, ([, still, late]) => ({ from, to: target(from, still ?? late ?? '') }));
});

function target(from: string, specifier: string): string {
  if (specifier.startsWith('#shared/')) return specifier.slice(1);
  if (!specifier.startsWith('.')) return specifier;
  return relative(projectFolder, resolve(projectFolder, dirname(from), specifier));
}

function roomOf(file: string): string {
  const [role = '', room = '', ...rest] = file.split('/');
  if (room === 'store' && rest.length > 1) return `${role}/${room}/${rest[0]}`;
  return rest.length > 0 ? `${role}/${room}` : role;
}

const describe = ({ from, to }: Import): string => `${from} -> ${to}`;

it('gives each room a floor and names no room that does not exist', () => {
  expect(houses.flat(2).toSorted()).toEqual([...new Set(files.map(roomOf))].toSorted());
});

it('lets each room import only from the floors below', () => {
  const floorOf = new Map<string, number>();
  for (const house of houses)
    for (const [floor, rooms] of house.entries()) for (const room of rooms) floorOf.set(room, floor);
  const offending = imports.filter(({ from, to }) => {
    const [own, other] = [roomOf(from), roomOf(to)];
    const [above, below] = [floorOf.get(own), floorOf.get(other)];
    if (own === other || above === undefined || below === undefined) return false;
    const [role, otherRole] = [own.split('/', 1)[0], other.split('/', 1)[0]];
    if (role !== otherRole) return otherRole !== 'shared' && from !== joint;
    return below <= above;
  });
  expect(imports.length).toBeGreaterThan(1000);
  expect(offending.map(describe)).toEqual([]);
});

it.each(Object.entries(doors))('lets only one folder import %s: %j', (module, { within, others }) => {
  const users = imports.filter(({ from, to }) => {
    const isIt = module.endsWith('/') ? to.startsWith(module) : to === module;
    return isIt && !from.startsWith(within);
  });
  expect([...new Set(users.map(({ from }) => from))].toSorted()).toEqual(others.toSorted());
});

it("keeps servers' code and other packages out of the pages of the dashboard", () => {
  const packages = ['@preact/signals', 'preact', 'preact/hooks'];
  const offending = imports.filter(
    ({ from, to }) =>
      from.startsWith('gateway/dashboard/page/') &&
      !to.startsWith('gateway/dashboard/page/') &&
      !to.startsWith('shared/contract/') &&
      !packages.includes(to),
  );
  expect(offending.map(describe)).toEqual([]);
});
