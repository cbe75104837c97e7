import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Member } from '../cluster.ts';
import { now } from '../clock.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { ending, exchange } from './exchange.ts';
import { sendAsync } from './handed-over.ts';
import { openClients } from './leaving-clients.ts';

const ofEach = 20;
/** A stop must take less than this if no client is sending a body, in ms. */
const maxMs = 3000;
/** A stop must take less than this even if a client keeps sending a body, in ms. */
const drainMs = 6000;
/** How long the POST runs that was sent before the stop, in ms. */
const workMs = 1500;

export const halfSent: Scenario = {
  name: 'half-sent',
  description:
    `SIGTERM of each of three gateways in turn while ${ofEach} connections have sent half a head, ` +
    `${ofEach} half a body, ${ofEach} poll and ${ofEach} listen to events. Each gateway ends within ` +
    `${maxMs} ms with exit code 0; the last one, to which ${ofEach} more clients send a body byte by ` +
    `byte, within \`DRAIN_TIMEOUT_MS=${drainMs}\`. A POST that runs for ${workMs} ms more is answered 2xx, ` +
    'and no request fails if its client retries refused connections. If a connection closes just as a POST ' +
    'is sent on it, its client counts the POST as lost; no such POST ran.',
  run: async (context) => {
    const unmet: string[] = [];
    const notes: string[] = [];
    const run = await underLoad(
      context,
      { gateways: 3, controllers: 1, replicas: 3, settings: { DRAIN_TIMEOUT_MS: String(drainMs) } },
      async ({ cluster, load, fault }) => {
        const [first = ''] = cluster.targets;
        const delayed = await sendAsync(first, '/delayed', { 'ringpost-delay': '100' });
        for (const member of cluster.gateways) {
          const path = new URL(delayed.self).pathname;
          await fault(`SIGTERM ${member.name}`, async () => {
            const drips = member === cluster.gateways.at(-1);
            const { wrong, ms } = await stopUnderHalves(member, path, drips ? ofEach : 0);
            unmet.push(...wrong);
            notes.push(`${Math.round(ms)} ms`);
            await cluster.restart(member);
          });
          await load.answered(200);
        }
        await fetch(delayed.self, { method: 'DELETE' }).then((answer) => answer.body?.cancel());
      },
    );
    const { verdict } = run;
    if (verdict.broken.done.length > 0)
      unmet.push(
        `${verdict.broken.done.length} POSTs ran and were never answered, e.g. ${verdict.broken.done[0]}`,
      );
    return {
      rows: [
        {
          what: 'gateways stopped in turn while clients have sent half a request',
          verdict,
          note: `stops took ${notes.join(', ')}`,
        },
      ],
      unmet: [...run.unmet, ...unmet, ...unexpectedCodes(verdict, ['connection_lost'])],
    };
  },
};

/** Stops a gateway while clients have sent half a request. @returns what was wrong, and how long it took. */
async function stopUnderHalves(
  { name, url, program }: Member,
  delayed: string,
  drips: number,
): Promise<{ readonly wrong: readonly string[]; readonly ms: number }> {
  const halves = [
    ...openHalves(url, ofEach, 'GET /half HTTP/1.1\r\nhost: half\r\n'),
    ...openHalves(url, ofEach, 'POST /half HTTP/1.1\r\nhost: half\r\ncontent-length: 1000\r\n\r\nhalf'),
  ];
  const slow = openHalves(url, drips, 'POST /half HTTP/1.1\r\nhost: half\r\ncontent-length: 1000\r\n\r\n');
  const dripping = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('x');
  }, 100);
  const listening = await openClients([url], 2 * ofEach, (at) =>
    at % 2 === 0
      ? { path: `${delayed}?wait=60` }
      : { path: delayed, headers: { accept: 'text/event-stream' } },
  );
  const running = exchange(url, `/running-${randomUUID()}?ms=${workMs}`, { method: 'POST', body: 'x' });
  await delay(500);
  const stoppedAt = now();
  program.kill('SIGTERM');
  const [{ code, signal }, answer] = await Promise.all([program.exited, running]);
  const ms = now() - stoppedAt;
  clearInterval(dripping);
  listening.leave();
  for (const socket of [...halves, ...slow]) socket.destroy();
  const wrong: string[] = [];
  if (ms >= (drips > 0 ? drainMs : maxMs)) wrong.push(`${name} took ${Math.round(ms)} ms to stop`);
  if (code !== 0) wrong.push(`${name} ended with ${signal ?? code}`);
  if (answer.status !== 200)
    wrong.push(`the POST that was running in ${name} was answered ${ending(answer)}`);
  return { wrong, ms };
}

/** Opens connections and sends the given start of a request on each of them. */
function openHalves(url: string, length: number, bytes: string): Socket[] {
  const { hostname, port } = new URL(url);
  return Array.from({ length }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => socket.destroy());
    socket.resume();
    socket.write(bytes);
    return socket;
  });
}
