import { describe, expect, it } from 'vitest';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { loadWorkerConfig } from '../../worker/config.ts';

const three = 'http://a:3000,http://b:3000,http://c:3000';

function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadGatewayConfig(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('UPSTREAMS', () => {
  it('lists servers for gateway and worker, with spaces and paths', () => {
    const UPSTREAMS = 'http://a:3000, https://b.example/api/ ,http://[::1]:3000';
    const worker = { REDIS_URL: 'redis://h', REPLICA: 'S1', UPSTREAMS };
    for (const { upstreams } of [loadGatewayConfig({ UPSTREAMS }), loadWorkerConfig(worker)])
      expect(upstreams.map(String)).toEqual([
        'http://a:3000/',
        'https://b.example/api/',
        'http://[::1]:3000/',
      ]);
    expect(loadGatewayConfig({}).upstreams).toEqual([]);
  });

  it('decides how many replicas there are at first, if REPLICAS is unset', () => {
    expect(loadGatewayConfig({}).replicas).toBe(3);
    expect(loadGatewayConfig({ UPSTREAMS: 'http://a' }).replicas).toBe(1);
    expect(loadGatewayConfig({ UPSTREAMS: `${three},http://d` }).replicas).toBe(4);
    expect(loadGatewayConfig({ UPSTREAMS: three, REPLICAS: '2' }).replicas).toBe(2);
  });

  it.each<[string, NodeJS.ProcessEnv, readonly string[]]>([
    [
      'more replicas than servers',
      { UPSTREAMS: three, REPLICAS: '4' },
      ['REPLICAS is 4, but UPSTREAMS lists 3 servers, one for each replica'],
    ],
    [
      'more servers than replicas may be',
      { UPSTREAMS: three, MAX_REPLICAS: '2' },
      ['UPSTREAMS lists 3 servers, above MAX_REPLICAS 2'],
    ],
    [
      'a server twice',
      { UPSTREAMS: 'http://a/x,http://b,http://A:80/x/' },
      ['UPSTREAMS entries 1 and 3 are the same server; each replica needs its own'],
    ],
    [
      'an entry that is not a URL, and an empty one',
      { UPSTREAMS: 'http://a,b:3000,,http://c:99999,http:d' },
      [2, 3, 4, 5].map(
        (at) =>
          `UPSTREAMS entry ${at} is ${at === 3 ? 'empty' : 'not a URL'}; ` +
          'it must be a URL such as http://127.0.0.1:3000',
      ),
    ],
    [
      'a password, without showing it',
      { UPSTREAMS: 'http://a,http://user:hunter22@b' },
      [
        'UPSTREAMS entry 2 has a user or a password, which are not sent to it; ' +
          'it must be a URL such as http://127.0.0.1:3000',
      ],
    ],
    [
      'a query and a fragment',
      { UPSTREAMS: 'http://a?,http://b#x' },
      [1, 2].map(
        (at) =>
          `UPSTREAMS entry ${at} has a query or a fragment; it must be a URL such as http://127.0.0.1:3000`,
      ),
    ],
    [
      'UPSTREAM beside it',
      { UPSTREAMS: three, UPSTREAM: 'http://d' },
      ['UPSTREAM and UPSTREAMS are both set; a replica runs one of them'],
    ],
    [
      'HANDLER and UPSTREAM beside it',
      { UPSTREAMS: three, UPSTREAM: 'http://d', HANDLER: 'package.json' },
      ['HANDLER and UPSTREAM and UPSTREAMS are all set; a replica runs one of them'],
    ],
  ])('is a fault with %s', (_, env, faults) => {
    expect(faultsOf(env)).toEqual(faults);
  });
});
