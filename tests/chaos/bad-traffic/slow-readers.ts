import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { badPath } from '../bad-work.ts';
import { now } from '../clock.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { generationsOf, replacedBetween } from './generations.ts';
import { judgeMemory, memoryBounds } from './memory-bounds.ts';

const readers = 24;
const answerBytes = 12 * 1024 * 1024;
const sendTimeoutMs = 3000;
/** `SEND_TIMEOUT_MS`, plus the time that the handlers take for the answers, in ms. */
const closedWithinMs = sendTimeoutMs + 17_000;
/** A refusal has fewer bytes than this; the start of an answer that reaches an unread socket has more. */
const refusalBytes = 4096;
/** Meanwhile every answer of the load must take less than this, in ms. */
const maxMs = 10_000;

export const slowReaders: Scenario = {
  name: 'slow-readers',
  description:
    `${readers} clients ask for 12 MiB each and read nothing, with \`SEND_TIMEOUT_MS=${sendTimeoutMs}\`. ` +
    `The gateway closes all their connections within ${closedWithinMs} ms. A request that it refuses ` +
    `meanwhile with 503 is answered when it is retried, within ${maxMs} ms in total. No worker is ` +
    `replaced, a gateway takes at most ${memoryBounds.gatewayMb} MiB of RAM and a worker ` +
    `${memoryBounds.workerMb}.`,
  run: async (context) => {
    const unmet: string[] = [];
    const notes: string[] = [];
    const run = await underLoad(
      context,
      {
        gateways: 1,
        controllers: 1,
        replicas: 3,
        settings: { SEND_TIMEOUT_MS: String(sendTimeoutMs) },
        load: { connections: 16 },
      },
      async ({ cluster, load, fault }) => {
        const before = await generationsOf(cluster);
        const [url = ''] = cluster.targets;
        await fault(`${readers} clients that read nothing`, async () => {
          const closed = await untilClosed(url);
          if (closed.open > 0) unmet.push(`${closed.open} connections were not closed`);
          notes.push(`all closed after ${Math.round(closed.ms)} ms`);
        });
        await load.answered(200);
        const replaced = replacedBetween(before, await generationsOf(cluster));
        if (replaced.length > 0) unmet.push(`workers of ${replaced.join(', ')} were replaced`);
        const memory = await judgeMemory(cluster);
        unmet.push(...memory.unmet);
        notes.push(memory.note);
      },
    );
    const { verdict } = run;
    if (verdict.slowestMs >= maxMs) unmet.push(`another answer took ${Math.round(verdict.slowestMs)} ms`);
    return {
      rows: [{ what: 'clients that read nothing', verdict, note: notes.join('; ') }],
      unmet: [...run.unmet, ...unmet, ...unexpectedCodes(verdict, [])],
    };
  },
};

/** @returns how many connections are still open in the end, and how long it took until then. */
async function untilClosed(url: string): Promise<{ readonly open: number; readonly ms: number }> {
  const { host, hostname, port } = new URL(url);
  const startedAt = now();
  const open = new Set<Socket>();
  for (let count = 0; count < readers; count += 1) {
    const path = badPath(`slow-${randomUUID()}`, 'giant', answerBytes);
    const socket = connect(Number(port), hostname);
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  }
  // A client that reads nothing does not notice that the gateway closed the connection until it writes.
  while (open.size > 0 && now() - startedAt < closedWithinMs) {
    await delay(250);
    for (const socket of open) {
      // A refused request has its whole answer, so the gateway may keep the connection open.
      if (socket.bytesRead > 0 && socket.bytesRead < refusalBytes) socket.destroy();
      else socket.write('\r\n');
    }
  }
  const ms = now() - startedAt;
  const left = open.size;
  for (const socket of open) socket.destroy();
  return { open: left, ms };
}
