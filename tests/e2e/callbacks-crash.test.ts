import { expect, it } from 'vitest';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { crashAfterAccept } from '../fixtures/crash-after-accept.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const scratch = useScratch();
const system = useSystem();
const workers = useWorkers();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const count = 100;

it('reports every end and keeps dead letters if all processes are killed after the 202', async () => {
  const receiver = await callbackReceiver(secret);
  const settings = {
    HANDLER: workers.handler,
    LEDGER: workers.ledger(),
    CALLBACK_SECRET: secret,
    CALLBACK_ALLOW: '127.0.0.1',
  };
  const headers = { 'ringpost-callback': receiver.url };
  const { url, accepted } = await crashAfterAccept(system(), await scratch(), count, settings, headers);
  const ids = accepted.map(({ id }) => id);
  const told = (): Set<string> => new Set(receiver.received.map(({ id }) => id));
  await expect.poll(() => ids.filter((id) => !told().has(id)).length, { timeout: 60_000 }).toBe(0);
  const types = Map.groupBy(receiver.received, ({ message }) => message.type);
  console.log(
    `${receiver.received.length} messages for ${count} requests: ` +
      JSON.stringify([...types].map(([type, some]) => [type, some.length])),
  );
  const failed = new Set<string>();
  for (const { id, message } of receiver.received) {
    if (message.type === 'request.done') continue;
    expect([message.type, message.data.method, message.data.code]).toEqual([
      'request.failed',
      'POST',
      'outcome_unknown',
    ]);
    failed.add(id);
  }
  const { letters } = (await (await fetch(`${url}/-/dead-letters?limit=200`)).json()) as {
    letters: { id: string }[];
  };
  expect(letters.map(({ id }) => id).toSorted()).toEqual([...failed].toSorted());
});
