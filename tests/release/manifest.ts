/** The package.json of the published package, made from the repository's. */

/** The parts of the repository's package.json that it is made from. */
export interface RepositoryManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/**
 * Dependencies that few users need, with what needs them. They are optional peers, so that a plain install is
 * small and runs no install script.
 */
export const optionalPeers = ['@fastify/swagger-ui', '@opentelemetry/api', 'dockerode', 'esbuild'] as const;

/** ringpost reads or changes parts of these that their own versioning does not cover. */
const exact: ReadonlySet<string> = new Set(['bullmq', 'ioredis']);

/** The public entry points: what users import, and the module that it is. */
export const entryPoints = {
  '.': 'gateway/package/index',
  './client': 'shared/client/client',
  './handler': 'worker/handlers/user-handler',
  './testing': 'gateway/package/testing',
} as const;

/** The program of the package. */
export const program = 'gateway/cli/main.js';

const keywords = [
  'http',
  'dispatcher',
  'queue',
  'redis',
  'bullmq',
  'consistent-hashing',
  'affinity',
  'gateway',
];

/** @returns the package.json of the published package. */
export function packageManifest(repository: RepositoryManifest): object {
  const { name, version, description, license, dependencies, devDependencies } = repository;
  const peers = new Set<string>(optionalPeers);
  const entries = Object.entries(dependencies).filter(([each]) => !peers.has(each));
  const all = { ...dependencies, ...devDependencies };
  return {
    name,
    version,
    description,
    keywords,
    license,
    type: 'module',
    engines: { node: '>=22.19' },
    bin: { ringpost: program },
    exports: {
      ...Object.fromEntries(
        Object.entries(entryPoints).map(([path, module]) => [
          path,
          { types: `./${module}.d.ts`, default: `./${module}.js` },
        ]),
      ),
      './package.json': './package.json',
    },
    imports: { '#shared/*.ts': './shared/*.js' },
    sideEffects: false,
    dependencies: Object.fromEntries(
      entries.map(([each, pinned]) => [each, exact.has(each) ? pinned : `^${pinned}`]),
    ),
    peerDependencies: Object.fromEntries(optionalPeers.map((each) => [each, `^${all[each]}`])),
    peerDependenciesMeta: Object.fromEntries(optionalPeers.map((each) => [each, { optional: true }])),
  };
}
