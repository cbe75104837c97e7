import { expect, it } from 'vitest';
import { commonSettings } from '#shared/settings/common.ts';
import { containerSettings } from '../../gateway/controller/create-driver.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';

const ofContainers = (settings: NodeJS.ProcessEnv): ReadonlyMap<string, string> => {
  const { env } = containerSettings(loadGatewayConfig(settings), 'redis://redis:6379', '/url');
  return new Map(env.map((each) => each.split('=', 2) as [string, string])); // none has another =
};

it('containers get all settings that workers share with the controller', () => {
  // Their URL is in a file, and the controller decides which replicas there are.
  const others = new Set(['REDIS_URL', 'REPLICA_JOIN']);
  const withDefault = Object.entries(commonSettings).flatMap(([name, schema]) =>
    'default' in schema && !others.has(name) ? [name] : [],
  );
  const given = ofContainers({ REPLICA_DRIVER: 'docker' });
  expect(withDefault.filter((name) => !given.has(name))).toEqual([]);
});

it('containers get the limits of streams', () => {
  const limits = {
    STREAM_CONCURRENCY: '7',
    STREAM_ABOVE_BYTES: '70000',
    STREAM_IDLE_TIMEOUT_MS: '1000',
  };
  const given = ofContainers({ REPLICA_DRIVER: 'swarm', ...limits });
  for (const [name, value] of Object.entries(limits)) expect(given.get(name)).toBe(value);
});
