import { expect, it } from 'vitest';
import { answersTo, useBrowser } from '../fixtures/browser.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const openPage = useBrowser();
const workers = useWorkers();

it("a browser's EventSource gets the end of a request once, and stops at 204", async () => {
  const settings = { HANDLER: workers.handler, LEDGER: workers.ledger(), REPLICAS: '1' };
  const { url } = await system().start(settings);
  const accepted = await fetch(`${url}/x?ms=700`, { headers: { prefer: 'respond-async' } });
  const path = accepted.headers.get('location') ?? '';
  const page = await openPage();
  await page.goto(`${url}/-/live`);
  const answers = answersTo(page);
  const script = `new Promise((resolve) => {
    const heard = [];
    const source = new EventSource(${JSON.stringify(path)});
    for (const event of ['queued', 'running', 'done'])
      source.addEventListener(event, ({ lastEventId }) => heard.push(lastEventId + ' ' + event));
    source.onerror = () => source.readyState === EventSource.CLOSED && resolve(heard);
  })`;
  const heard = await page.evaluate<string[]>(script);
  expect(heard.at(-1)).toBe('3 done');
  expect(heard.filter((event) => event === '3 done')).toHaveLength(1);
  expect(answers.map(({ status }) => status)).toEqual([200, 204]);
});
