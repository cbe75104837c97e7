import { Agent } from 'node:http';
import { median } from '../../numbers.ts';
import { eventBytes, events, Pattern } from '../../../fixtures/pattern.ts';
import type { Measured } from '../sample.ts';
import type { Scene } from '../scene.ts';
import { faultsOf, StreamClient } from '../stream-client.ts';

/** Not counted, since code gets compiled and connections are opened. */
const warmUps = 20;
const plainAnswer = 'plain';
const plainPattern = new Pattern(Buffer.from(plainAnswer));

/**
 * One client asks for one stream after the other, on one connection. The same for ordinary requests shows
 * what of the time is that of any request.
 */
export async function measureFirstByte({ running, plan }: Scene): Promise<Measured> {
  const plain = await plainTimes(running.url, plan.firstBytes);
  const { values, faults } = await firstBytes(running.url, plan.firstBytes);
  return { values: { ...values, plainMs: median(plain) }, faults };
}

/** @returns the times to the first byte of so many streams, in ms. */
export async function firstBytes(url: string, count: number): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  const clients: StreamClient[] = [];
  try {
    for (let at = 0; at < count + warmUps; at += 1) {
      const client = new StreamClient(`${url}/first/${at}`, events, agent);
      clients.push(client);
      const time = await client.firstByte;
      if (at >= warmUps) times.push(time);
      await client.ended;
    }
  } finally {
    agent.destroy();
  }
  const short = clients.filter(({ bytes }) => bytes !== 2 * eventBytes).length;
  return {
    values: { firstByteMs: median(times) },
    faults: [
      ...faultsOf(clients),
      ...(short > 0 ? [`${short} streams have not ${2 * eventBytes} bytes`] : []),
    ],
  };
}

async function plainTimes(url: string, count: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  try {
    for (let at = 0; at < count + warmUps; at += 1) {
      const client = new StreamClient(`${url}/w/${plainAnswer}`, plainPattern, agent);
      const time = await client.firstByte;
      if (at >= warmUps) times.push(time);
      await client.ended;
    }
  } finally {
    agent.destroy();
  }
  return times;
}
