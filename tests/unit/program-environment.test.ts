import { expect, it } from 'vitest';
import { secretSettings } from '#shared/settings/secrets.ts';
import { programEnvironment } from '../../worker/command/program-environment.ts';
import { workerSettings } from '../../worker/config.ts';

const identity = { port: 23456, replica: 'S1', generation: 4 };

it('tells a program its port, its replica and its generation, and keeps what is not of ringpost', () => {
  const env = { PATH: '/bin', APP_MODE: 'test', PORT: '5000', HOST: '0.0.0.0', REPLICA: 'S9' };
  expect(programEnvironment(env, identity)).toEqual({
    PATH: '/bin',
    APP_MODE: 'test',
    PORT: '23456',
    HOST: '127.0.0.1',
    REPLICA: 'S1',
    RINGPOST_GENERATION: '4',
  });
});

it('tells a program neither a secret nor a setting of the worker', () => {
  const secret = secretSettings.flatMap((name) => [name, `${name}_FILE`]);
  const names = [
    ...Object.keys(workerSettings.properties),
    ...secret,
    'NODE_COMPILE_CACHE',
    'MALLOC_MMAP_THRESHOLD_',
  ];
  const told = programEnvironment(Object.fromEntries(names.map((name) => [name, 'x'])), identity);
  expect(Object.keys(told).toSorted()).toEqual(['HOST', 'PORT', 'REPLICA', 'RINGPOST_GENERATION']);
});
