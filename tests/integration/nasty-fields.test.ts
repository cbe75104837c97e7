import { expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const bytes = 60_000;
const fill = (unit: string): string => unit.repeat(Math.floor(bytes / unit.length));

it.each([
  ['prefer', fill('a ='), 400],
  ['prefer', `x${fill(' ')}!`, 400],
  ['prefer', fill('"\\'), 400],
  ['ringpost-attempts', fill('1 '), 400],
  ['ringpost-key', fill('k'), 400],
  ['idempotency-key', fill('"'), 400],
  ['cookie', fill('a=b;'), 200],
  ['connection', fill('a,'), 200],
  ['forwarded', fill('for="['), 200],
  ['x-other', fill('"\\,'), 200],
])('a %s field of 60 KB does not delay other requests', async (name, value, status) => {
  const { url } = await system().start({ REPLICAS: '1' });
  await (await fetch(`${url}/home`)).arrayBuffer();
  const nasty = Array.from({ length: 20 }, async () => {
    const { request } = await import('node:http');
    return new Promise<number>((resolve, reject) => {
      // fetch refuses to send some of these.
      const sent = request(`${url}/home`, { agent: false, setHost: true, headers: { [name]: value } });
      sent.on('response', (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.end();
    });
  });
  const began = performance.now();
  expect((await fetch(`${url}/home`)).status).toBe(200);
  expect(await Promise.all(nasty)).toEqual(nasty.map(() => status));
  // Usually this takes about 50 ms. A parser with quadratic time once took 3 s for one such field.
  expect(performance.now() - began).toBeLessThan(2000);
});
