import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startKeptAnswers } from '../fixtures/kept-answers.ts';
import { readLive } from '../fixtures/live-body.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const ordered = { 'ringpost-key': 'k', 'ringpost-order': 'key' };

it.each([
  ['live', {}],
  ['kept', { 'ringpost-keep': 'stream' }],
])('an ordered request waits for the end of a %s stream, past its deadline for the head', async (_, keep) => {
  const { upstream, one, submit } = await startKeptAnswers(system(), {
    REPLY_TIMEOUT_MS: '400',
    // On a busy machine a worker renews its lease late.
    LEASE_MS: '30000',
  });
  const streaming = readLive(`${one}/a`, { headers: { ...ordered, ...keep } });
  const { response } = await upstream.take('/a');
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: one\n\n');
  const first = await streaming;
  await expect.poll(() => first.text).toBe('data: one\n\n');
  await submit('/b', { ...ordered, 'ringpost-deadline': '30000' });
  const taken = upstream.take('/b');
  // Without the stream the next one would be let through 2 s after the first one's deadline.
  expect(await Promise.race([taken.then(() => 'runs'), delay(4000, 'waits')])).toBe('waits');
  response.end('data: two\n\n');
  await expect.poll(() => first.end).toBe('whole');
  (await taken).response.end();
});
