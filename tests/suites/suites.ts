import type { Suite } from './suite.ts';

/** The suites, with the commits that the reasons apply to. */
export const suites: readonly Suite[] = [
  {
    name: 'express',
    repository: 'expressjs/express',
    version: '5.2.1',
    commit: 'a3714473feb3d2908add734d340e7755fd85e0a3',
    runner: {
      kind: 'mocha',
      options: {
        files: ['test/*.js', 'test/acceptance/*.js'],
        requires: ['./test/support/env'],
        checkLeaks: true,
      },
    },
  },
  {
    name: 'body-parser',
    repository: 'expressjs/body-parser',
    version: '2.3.0',
    commit: 'b1f3d588c5dca4b3a4ca7d5d3765c9129118926a',
    runner: { kind: 'mocha', options: { files: ['test/*.js'], checkLeaks: true } },
  },
  {
    name: 'superagent',
    repository: 'forwardemail/superagent',
    version: '8.1.2',
    commit: '1c8338b2e0a3b8f604d08acc7f3cbe305be1e571',
    build: 'npx babel --config-file ./.lib.babelrc src --out-dir lib',
    built: 'lib/node/index.js',
    runner: {
      kind: 'mocha',
      options: { files: ['test/*.js', 'test/node/*.js'], requires: ['should'], timeoutMs: 5000 },
    },
  },
  {
    name: 'node-fetch',
    repository: 'node-fetch/node-fetch',
    version: '3.1.1',
    commit: '8b3320d2a7c07bce4afc6b2bf6c3bbddda85b01f',
    runner: { kind: 'mocha', options: { files: ['test/*.js'] } },
  },
  {
    name: 'koa',
    repository: 'koajs/koa',
    version: '3.2.0',
    commit: 'e0ba8ef39d27fe5dae5492f9fe753d155124f994',
    build: 'npx gen-esm-wrapper . ./dist/koa.mjs',
    built: 'dist/koa.mjs',
    runner: { kind: 'node' },
  },
  {
    name: 'hono-node-server',
    repository: 'honojs/node-server',
    version: '2.0.11',
    commit: '3b1dd6875812e0b5aee43ec3fac66c191fd6251f',
    runner: { kind: 'vitest' },
  },
  {
    name: 'axios',
    repository: 'axios/axios',
    version: '1.7.9',
    commit: '23a25af0688d1db2c396deb09229d2271cc24f6c',
    runner: { kind: 'mocha', options: { files: ['test/unit/**/*.js'], timeoutMs: 30_000 } },
  },
];
