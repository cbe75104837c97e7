import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, expect, it } from 'vitest';
import { createReceiver } from '../../examples/worker-pool/receiver.ts';
import type { JobEnded } from '../../examples/worker-pool/receiver.ts';

const keys = ['whsec_b2xkLWtleS1vZi10aGUtcmVjZWl2ZXI=', 'whsec_bmV3LWtleS1vZi10aGUtcmVjZWl2ZXI='];
const body = JSON.stringify({ type: 'request.done', data: { id: 'r1' } });
const taken: JobEnded[] = [];
const receiver = createReceiver(
  () => keys,
  (message) => taken.push(message),
);

afterEach(() => {
  taken.length = 0;
  receiver.close();
});

async function send(text: string, signature: { key: string; of: string; at?: Date }): Promise<number> {
  const { port } = receiver.address() as AddressInfo;
  const at = signature.at ?? new Date();
  const headers = {
    'webhook-id': 'r1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(signature.key).sign('r1', at, signature.of),
  };
  const options = { method: 'POST', headers, body: text };
  const { status } = await fetch(`http://127.0.0.1:${port}/`, options);
  return status;
}

it('the receiver of worker-pool takes what one of its keys verifies, once, and refuses all else', async () => {
  await once(receiver.listen(0, '127.0.0.1'), 'listening');
  const [old = '', current = ''] = keys;
  const other = 'whsec_a2V5LW9mLWFub3RoZXItcmVjZWl2ZXI=';
  expect(await send(body, { key: other, of: body })).toBe(401);
  expect(await send(`${body} `, { key: current, of: body })).toBe(401);
  expect(await send(body, { key: current, of: body, at: new Date(Date.now() - 3_600_000) })).toBe(401);
  expect(taken).toEqual([]);
  expect(await send(body, { key: old, of: body })).toBe(204);
  expect(await send(body, { key: current, of: body })).toBe(204);
  expect(taken.map(({ data }) => data.id)).toEqual(['r1']);
});
