import { stream } from '@durable-streams/client';
import { expect, it } from 'vitest';
import { startKeptAnswers } from '../fixtures/kept-answers.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

it.each(['long-poll', 'sse'] as const)(
  'the client of Durable Streams reads an answer with %s, until its end, and goes on from an offset',
  async (live) => {
    const { one, begin } = await startKeptAnswers(system());
    const { reply, response } = await begin('/a', 'text/plain');
    const url = `${one}${reply}`;
    response.write('one ');
    let caughtUp = await stream({ url, live: false });
    await expect
      .poll(async () => {
        caughtUp = await stream({ url, live: false });
        return caughtUp.text();
      })
      .toBe('one ');
    const { offset } = caughtUp;
    expect(caughtUp.upToDate).toBe(true);
    const [all, rest] = await Promise.all([stream({ url, live }), stream({ url, live, offset })]);
    const texts = ['', ''];
    all.subscribeText(({ text }) => void (texts[0] += text));
    rest.subscribeText(({ text }) => void (texts[1] += text));
    await expect.poll(() => texts).toEqual(['one ', '']);
    response.write('twö ');
    await expect.poll(() => texts).toEqual(['one twö ', 'twö ']);
    response.end('three');
    await Promise.all([all.closed, rest.closed]);
    expect(texts).toEqual(['one twö three', 'twö three']);
    expect([all.streamClosed, rest.streamClosed]).toEqual([true, true]);
    const later = await stream({ url, live: false, offset });
    expect(await later.text()).toBe('twö three');
    expect(later.streamClosed).toBe(true);
  },
);

it('the client reads bytes that are no text in events, in base64', async () => {
  const { one, begin } = await startKeptAnswers(system());
  const { reply, response } = await begin('/a', 'application/octet-stream');
  const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at % 256);
  const reading = await stream({ url: `${one}${reply}`, live: 'sse' });
  const read: number[] = [];
  reading.subscribeBytes(({ data }) => void read.push(...data));
  response.write(bytes.subarray(0, 500));
  await expect.poll(() => read.length).toBe(500);
  response.end(bytes.subarray(500));
  await reading.closed;
  expect(read).toEqual([...bytes]);
});
