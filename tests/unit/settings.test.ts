import { hostname } from 'node:os';
import { BlockList } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readSettings, SettingsError, settingsTable } from '#shared/settings/load-settings.ts';
import type { SettingSchema, SettingsSchema } from '#shared/settings/load-settings.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { gatewaySettings } from '../../gateway/settings/settings.ts';
import { isIn } from '../../gateway/edge/subnets.ts';
import type { GatewayConfig } from '../../gateway/settings/config.ts';
import { loadWorkerConfig, workerSettings } from '../../worker/config.ts';

/** @returns the faults of these settings; none if they can be used. */
function faultsOf(load: (env: NodeJS.ProcessEnv) => unknown, env: NodeJS.ProcessEnv): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

const gatewayFaults = (env: NodeJS.ProcessEnv): readonly string[] => faultsOf(loadGatewayConfig, env);
const workerFaults = (env: NodeJS.ProcessEnv): readonly string[] =>
  faultsOf(loadWorkerConfig, { REDIS_URL: 'redis://h', REPLICA: 'S1', ...env });

const defaults = {
  host: '127.0.0.1',
  port: 5000,
  role: 'all',
  redisUrl: undefined,
  namespace: 'ringpost',
  replicas: 3,
  maxReplicas: 64,
  replicaDriver: 'process',
  handlerPath: undefined,
  upstream: undefined,
  upstreamHost: 'client',
  forwarded: 'both',
  concurrency: 100,
  ring: { strategy: 'murmur3', virtualNodes: 160 },
  hashKey: [{ kind: 'header', name: 'ringpost-key' }, { kind: 'random' }],
  bodyLimitBytes: 16_777_216,
  replyTimeoutMs: 30_000,
  addTimeoutMs: 30_000,
  drainTimeoutMs: 10_000,
  failoverMs: 2000,
  slowStartMs: 0,
  admin: {
    port: undefined,
    host: '127.0.0.1',
    tokens: [],
    viewTokens: [],
    closed: undefined,
    trusted: false,
    hosts: new Set(),
  },
} satisfies Partial<GatewayConfig>;

describe('loadGatewayConfig', () => {
  it('gives the defaults of the contract if nothing is set', () => {
    expect(loadGatewayConfig({})).toMatchObject(defaults);
  });

  it('treats an empty variable as unset', () => {
    const empty = Object.fromEntries(Object.keys(gatewaySettings.properties).map((name) => [name, '']));
    expect(loadGatewayConfig(empty)).toEqual(loadGatewayConfig({}));
  });

  it('reads secrets and subnets of callbacks, and reports faulty ones without showing a secret', () => {
    const secret = `whsec_${Buffer.alloc(32).toString('base64')}`;
    expect(loadGatewayConfig({ CALLBACK_SECRET: secret }).callbackSecrets).toEqual([secret]);
    const faults = gatewayFaults({ CALLBACK_SECRET: `${secret},hunter22`, CALLBACK_ALLOW: '10.0.0.0/8,ten' });
    expect(faults).toHaveLength(2);
    expect(faults[0]).toMatch(/^CALLBACK_SECRET has no secret at place 2: it must be whsec_/);
    expect(faults.join(' ')).not.toContain('hunter22');
    expect(faults[1]).toBe('CALLBACK_ALLOW has "ten"; it must be an address or a subnet such as 10.1.0.0/16');
    expect(gatewayFaults({ REDACT_HEADERS: 'x-key:1' })).toHaveLength(1);
  });

  it('trusts the proxies in TRUSTED_PROXIES and no others', () => {
    expect(loadGatewayConfig({}).trustedProxies).toBeUndefined();
    const { trustedProxies = new BlockList() } = loadGatewayConfig({ TRUSTED_PROXIES: '10.1.0.0/16, ::1' });
    const trusted = ['10.1.2.3', '::1', '10.2.0.1'].map((each) => isIn(trustedProxies, each));
    expect(trusted).toEqual([true, true, false]);
    expect(gatewayFaults({ TRUSTED_PROXIES: '10.0.0.0/8,loopback' })).toEqual([
      'TRUSTED_PROXIES has "loopback"; it must be an address or a subnet such as 10.1.0.0/16',
    ]);
  });

  it('ignores variables that are not settings', () => {
    expect(loadGatewayConfig({ PATH: '/bin', port: '1', PORTS: 'x' })).toEqual(loadGatewayConfig({}));
  });

  it('leaves the environment unchanged', () => {
    const env = { PORT: '7', HOST: '' };
    loadGatewayConfig(env);
    expect(env).toEqual({ PORT: '7', HOST: '' });
  });

  it('lists all faults at once, each on its own line of the message', () => {
    const env = {
      PORT: 'http',
      ROLE: 'boss',
      REDIS_URL: 'localhost:6379',
      CONCURRENCY: '0',
      REPLICAS: '65',
      HASH_KEY: 'header',
      HANDLER: '/nowhere/handler.ts',
      UPSTREAM: 'http://[',
    };
    const faults = gatewayFaults(env);
    for (const name of Object.keys(env)) {
      expect(faults.filter((fault) => fault.startsWith(`${name} `))).not.toEqual([]);
    }
    expect(new SettingsError(faults).message).toBe(
      ['The settings cannot be used:', ...faults.map((fault) => `  ${fault}`)].join('\n'),
    );
  });

  it.each<[string, NodeJS.ProcessEnv, string]>([
    ['a text for an integer', { PORT: 'http' }, 'PORT is "http"; it must be an integer'],
    ['a fraction', { REPLICAS: '1.5' }, 'REPLICAS is "1.5"; it must be an integer'],
    ['below the minimum', { CONCURRENCY: '0' }, 'CONCURRENCY is "0"; it must be from 1 to 10000'],
    ['above the maximum', { PORT: '65536' }, 'PORT is "65536"; it must be from 0 to 65535'],
    [
      'not one of the values',
      { LOG_LEVEL: 'loud' },
      'LOG_LEVEL is "loud"; it can be fatal, error, warn, info, debug, trace, silent',
    ],
    ['ADMIN_AUTH=yes', { ADMIN_AUTH: 'yes' }, 'ADMIN_AUTH is "yes"; it can be none'],
    ['a value in another case', { RING: 'MURMUR3' }, 'RING is "MURMUR3"; it can be murmur3, assignment'],
    ['REPLICAS above MAX_REPLICAS', { REPLICAS: '65' }, 'REPLICAS is 65, above MAX_REPLICAS 64'],
    [
      'REPLICAS above what the assignment ring holds',
      { RING: 'assignment', REPLICAS: '57' },
      'REPLICAS is 57, but the ring holds 56 at most',
    ],
    [
      'probing without slots',
      { RING_PROBING: 'linear' },
      'RING_PROBING is set, but only RING=assignment probes for free slots',
    ],
    [
      'new names without a driver',
      { REPLICA_DRIVER: 'none', RESPAWN: 'new' },
      'RESPAWN is "new", but with REPLICA_DRIVER=none nothing starts a replacement',
    ],
    [
      'replicas that sleep and that nothing wakes',
      { REPLICA_DRIVER: 'none', SLEEP_AFTER_S: '60' },
      'SLEEP_AFTER_S is set, but with REPLICA_DRIVER=none nothing starts a worker again',
    ],
    [
      'replicas that join, and a driver that starts them',
      { REPLICA_JOIN: 'auto' },
      'REPLICA_JOIN is "auto", but with REPLICA_DRIVER=process ringpost starts the workers; set ' +
        'REPLICA_DRIVER=none',
    ],
    [
      'a gateway without a Redis to share',
      { ROLE: 'gateway' },
      'REDIS_URL is missing: a process with ROLE=gateway shares a Redis with others',
    ],
    [
      'HANDLER together with UPSTREAM',
      { HANDLER: 'package.json', UPSTREAM: 'http://h' },
      'HANDLER and UPSTREAM are both set; a replica runs one of them',
    ],
    [
      'HANDLER together with COMMAND',
      { HANDLER: 'package.json', COMMAND: 'python3 app.py' },
      'HANDLER and COMMAND are both set; a replica runs one of them',
    ],
    [
      'three things to run',
      { HANDLER: 'package.json', UPSTREAM: 'http://h', COMMAND: 'python3 app.py' },
      'HANDLER and UPSTREAM and COMMAND are all set; a replica runs one of them',
    ],
    [
      'COMMAND_READY without COMMAND',
      { COMMAND_READY: '/healthz' },
      'COMMAND_READY is set without COMMAND; it is a path of the program that COMMAND starts',
    ],
    [
      'a HANDLER that does not exist',
      { HANDLER: './nowhere.ts' },
      'HANDLER is "./nowhere.ts"; there is no such file',
    ],
    [
      'an UPSTREAM that is not a URL',
      { UPSTREAM: 'http://h:99999' },
      'UPSTREAM is not a URL; it must be a URL such as http://127.0.0.1:3000',
    ],
    [
      'an UPSTREAM with a password',
      { UPSTREAM: 'https://user:secret@h' },
      'UPSTREAM has a user or a password, which are not sent to it; ' +
        'it must be a URL such as http://127.0.0.1:3000',
    ],
    [
      'an UPSTREAM with a query',
      { UPSTREAM: 'https://h/a?' },
      'UPSTREAM has a query or a fragment; it must be a URL such as http://127.0.0.1:3000',
    ],
    [
      'an UPSTREAM with a fragment',
      { UPSTREAM: 'https://h/a#b' },
      'UPSTREAM has a query or a fragment; it must be a URL such as http://127.0.0.1:3000',
    ],
    [
      'an unknown source of keys',
      { HASH_KEY: 'path,user' },
      'HASH_KEY is "path,user"; "user" is no source of a key; ' +
        'sources are header:<name>, cookie:<name>, query:<name>, path, ip, random',
    ],
  ])('says in one sentence what is wrong and what is allowed: %s', (_, env, sentence) => {
    expect(gatewayFaults(env)).toEqual([sentence]);
  });

  it.each(['REDIS_URL', 'UPSTREAM', 'NAMESPACE'])('says what %s is for if it cannot be used', (name) => {
    const [fault = '', ...others] = gatewayFaults({ [name]: 'a b' });
    const { description } = gatewaySettings.properties[name as 'REDIS_URL'];
    expect(fault).toMatch(
      name === 'REDIS_URL' ? /^REDIS_URL cannot be used / : new RegExp(`^${name} is "a b"; `),
    );
    expect(fault).toContain(description);
    // UPSTREAM has a second fault, since it is not a URL.
    expect(others.every((other) => other.startsWith(`${name} is not a URL`))).toBe(true);
  });

  it.each([
    ' ',
    '0x10',
    '1e3',
    'Infinity',
    '-Infinity',
    'NaN',
    ' 5',
    '5 ',
    '5.0',
    '+5',
    '1_000',
    'true',
    '５',
  ])('accepts only decimal digits for an integer, not %j', (text) => {
    expect(gatewayFaults({ PORT: text })).toEqual([`PORT is ${JSON.stringify(text)}; it must be an integer`]);
    expect(workerFaults({ GENERATION: text })).toEqual([
      `GENERATION is ${JSON.stringify(text)}; it must be an integer`,
    ]);
  });

  it('accepts an integer with leading zeros, and the minimum and the maximum of a range', () => {
    expect(loadGatewayConfig({ PORT: '0080' }).port).toBe(80);
    expect(loadGatewayConfig({ PORT: '0' }).port).toBe(0);
    expect(loadGatewayConfig({ PORT: '65535' }).port).toBe(65_535);
  });

  it.each([
    ['REDIS_URL', 'http://user:secret@host:6379'],
    ['UPSTREAM', 'http://user:secret@host:99999'],
    ['UPSTREAM', 'ftp://user:secret@host'],
    ['UPSTREAM', 'http://user:secret@host'],
    ['UPSTREAM', 'http://secret@host/a?secret#secret'],
  ])('does not show the password of a %s that cannot be used: %s', (name, url) => {
    const faults = gatewayFaults({ [name]: url }).join('\n');
    expect(faults).toContain(name);
    expect(faults).not.toContain('secret');
  });

  it('allows as many replicas as the assignment ring holds', () => {
    expect(loadGatewayConfig({ RING: 'assignment', REPLICAS: '56' })).toMatchObject({
      replicas: 56,
      ring: { strategy: 'assignment', slots: 512, virtualNodes: 9, probing: 'linear' },
    });
  });

  it('reads the parameters of the ring', () => {
    const { ring } = loadGatewayConfig({
      RING: 'assignment',
      RING_VIRTUAL_NODES: '3',
      RING_PROBING: 'quadratic',
    });
    expect(ring).toEqual({ strategy: 'assignment', slots: 512, virtualNodes: 3, probing: 'quadratic' });
  });
});

describe('the admin calls', () => {
  it.each(['127.0.0.1', '127.1.2.3', 'localhost', 'LOCALHOST', '::1', '[::1]', '::ffff:127.0.0.1', ''])(
    'are open on the loopback address %j',
    (HOST) => {
      expect(loadGatewayConfig({ HOST }).admin.closed).toBeUndefined();
    },
  );

  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '::ffff:10.0.0.1',
    'localhost.example.com',
    'x127.0.0.1',
    '127.0.0.1.example.com',
  ])('are closed on %s, and the reason says what would open them', (HOST) => {
    expect(loadGatewayConfig({ HOST }).admin.closed).toBe(
      `HOST is ${HOST}, not loopback: set ADMIN_TOKEN, or ADMIN_AUTH=none where the network is trusted`,
    );
  });

  it('are open on any address with a token or with ADMIN_AUTH=none', () => {
    const HOST = '0.0.0.0';
    const closed = (env: NodeJS.ProcessEnv): unknown => loadGatewayConfig({ HOST, ...env }).admin.closed;
    expect(closed({ ADMIN_TOKEN: 't'.repeat(16) })).toBeUndefined();
    expect(closed({ ADMIN_AUTH: 'none' })).toBeUndefined();
    expect(closed({ ADMIN_AUTH: '', ADMIN_TOKEN: '' })).toBeDefined();
    expect(closed({ VIEW_TOKEN: 't'.repeat(16) })).toBeDefined();
  });

  it('depend on ADMIN_HOST if they have their own listener', () => {
    const alone = { HOST: '0.0.0.0', ADMIN_PORT: '5001' };
    expect(loadGatewayConfig(alone).admin).toMatchObject({
      port: 5001,
      host: '127.0.0.1',
      closed: undefined,
    });
    expect(loadGatewayConfig({ ...alone, ADMIN_HOST: '10.0.0.1' }).admin.closed).toBe(
      'ADMIN_HOST is 10.0.0.1, not loopback: ' +
        'set ADMIN_TOKEN, or ADMIN_AUTH=none where the network is trusted',
    );
    expect(gatewayFaults({ PORT: '5001', ADMIN_PORT: '5001' })).toEqual([
      'ADMIN_PORT is 5001, which PORT is too',
    ]);
  });

  it('accept host names without a port, in any case', () => {
    const { hosts } = loadGatewayConfig({ ADMIN_HOSTS: 'gateway, Ring.Example' }).admin;
    expect([...hosts]).toEqual(['gateway', 'ring.example']);
    expect(gatewayFaults({ ADMIN_HOSTS: 'gateway:5000' })).toEqual([
      'ADMIN_HOSTS has "gateway:5000"; it must be a name without a port',
    ]);
  });

  it('refuse tokens that are too short or of both kinds, and show none', () => {
    const long = 'long-enough-token';
    expect(gatewayFaults({ ADMIN_TOKEN: `ops:${long},ci:hunter2`, VIEW_TOKEN: 'hunter3' })).toEqual([
      'ADMIN_TOKEN has a token of fewer than 16 characters at place 2',
      'VIEW_TOKEN has a token of fewer than 16 characters at place 1',
    ]);
    const same = gatewayFaults({ ADMIN_TOKEN: `ops:${long}`, VIEW_TOKEN: long });
    expect(same).toEqual(['VIEW_TOKEN has a token that ADMIN_TOKEN has too']);
    expect(JSON.stringify(loadGatewayConfig({ ADMIN_TOKEN: long }))).not.toContain(long);
  });
});

describe('loadWorkerConfig', () => {
  it('says what is missing', () => {
    expect(faultsOf(loadWorkerConfig, {})).toEqual([
      expect.stringMatching(/^REDIS_URL is missing: Redis to use/),
      'REPLICA is missing: Name of the replica that this worker runs.',
    ]);
  });

  it('takes the name of the host if replicas join by themselves', () => {
    const given = { REDIS_URL: 'redis://h', REPLICA_JOIN: 'auto' };
    expect(loadWorkerConfig(given)).toMatchObject({ replica: hostname(), join: 'auto' });
    expect(loadWorkerConfig({ ...given, REPLICA: 'w-1' }).replica).toBe('w-1');
  });

  it('accepts only a name that a container can have', () => {
    expect(workerFaults({ REPLICA: 'S1#2' })).toEqual([
      'REPLICA is "S1#2"; it must be a valid container hostname',
    ]);
  });

  it('says what a value without an upper bound must be', () => {
    expect(workerFaults({ GENERATION: '0' })).toEqual(['GENERATION is "0"; it must be at least 1']);
  });

  it('reads its own name and generation', () => {
    expect(loadWorkerConfig({ REDIS_URL: 'redis://h', REPLICA: 'S1', GENERATION: '7' })).toMatchObject({
      replica: 'S1',
      generation: 7,
      redisUrl: 'redis://h',
      upstream: undefined,
    });
  });
});

describe('readSettings', () => {
  it('accepts every default of the schema', () => {
    for (const schema of [gatewaySettings, workerSettings]) {
      const withDefaults = Object.entries<SettingSchema>(schema.properties).flatMap(
        ([name, { default: value }]) => (value === undefined ? [] : [[name, String(value)]]),
      );
      const { values, faults } = readSettings(gatewaySettings, Object.fromEntries(withDefaults));
      expect(faults).toEqual([]);
      expect(values).toEqual(readSettings(gatewaySettings, {}).values);
    }
  });

  it('keeps a string that looks like a number', () => {
    expect(readSettings(gatewaySettings, { ADMIN_TOKEN: '007', NAMESPACE: '12' }).values).toMatchObject({
      ADMIN_TOKEN: '007',
      NAMESPACE: '12',
    });
  });
});

describe('settingsTable', () => {
  it.each([
    ['the gateway', gatewaySettings],
    ['the worker', workerSettings],
  ] satisfies [string, SettingsSchema][])(
    'has a row for every setting of %s, with its default',
    (_, schema) => {
      const rows = settingsTable(schema).split('\n');
      expect(rows.slice(0, 2)).toEqual(['| setting | default | what it is |', '|---|---|---|']);
      const settings = Object.entries<SettingSchema>(schema.properties);
      expect(rows).toHaveLength(settings.length + 2);
      for (const [name, { default: value, description }] of settings) {
        const shown = value === undefined ? '' : `\`${value}\``;
        expect(
          rows.filter((row) => row.startsWith(`| \`${name}\` | ${shown} | ${description}`)),
        ).toHaveLength(1);
      }
    },
  );
});

describe('settings that are wrong only together', () => {
  it.each([
    [{ RING_VIRTUAL_NODES: '0' }, 'RING_VIRTUAL_NODES'],
    [
      { RING: 'assignment', RING_VIRTUAL_NODES: '513' },
      'RING_VIRTUAL_NODES is 513, but the assignment ring has 512 slots',
    ],
    [{ REDIS_URL: 'redis://[' }, 'REDIS_URL is not a URL such as redis://user:password@127.0.0.1:6379'],
    [{ REDIS_URL: 'redis://app:p/w@host' }, 'in a password, @ is written %40, / %2F'],
    [{ REDIS_URL: 'redis://h', WORKER_REDIS_URL: 'redis://:p/w@host' }, 'WORKER_REDIS_URL is not a URL'],
    [{ WORKER_REDIS_URL: 'redis://h' }, 'WORKER_REDIS_URL is set without REDIS_URL'],
  ])('%o are refused with a reason', (env, words) => {
    expect(() => loadGatewayConfig(env)).toThrow(SettingsError);
    expect(() => loadGatewayConfig(env)).toThrow(words);
  });
});

it('desires nothing by itself if replicas join', () => {
  const auto = { REPLICA_DRIVER: 'none', REPLICA_JOIN: 'auto' };
  expect(loadGatewayConfig(auto)).toMatchObject({ replicas: 0, leaveAfterMs: 300_000 });
  expect(loadGatewayConfig({ ...auto, REPLICAS: '2' }).replicas).toBe(2);
  expect(loadGatewayConfig({}).leaveAfterMs).toBeUndefined();
});
