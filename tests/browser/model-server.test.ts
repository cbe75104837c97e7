import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useBrowser } from '../fixtures/browser.ts';
import { projectFolder } from '../fixtures/command.ts';
import { python } from '../fixtures/programs.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const openPage = useBrowser();
const notRun = python === undefined ? ' (not run: there is no python3)' : '';

const answer = `I read 4 words. ${Array.from({ length: 96 }, (_, at) => at + 1).join(' ')}`;

it.skipIf(python === undefined)(
  `the page of the model server reads an answer on after a reload${notRun}`,
  async () => {
    const { url } = await system().start({
      COMMAND: `cd '${join(projectFolder, 'examples', 'model-server')}' && exec python3 server.py`,
      COMMAND_READY: '/health',
      REPLICAS: '1',
      START_TIMEOUT_MS: '60000',
    });
    const page = await openPage();
    const shown = (): Promise<string> =>
      page.evaluate<string>("document.querySelector('output').textContent");
    await page.goto(url);
    await page.click('button');
    await expect.poll(shown).toMatch(/^I read 4 words\. 1 2 3/);
    await page.reload();
    // What came before the reload is shown again, and tokens are still to come.
    await expect.poll(shown, { interval: 5 }).toMatch(/^I read 4 words\. 1 2 3/);
    expect(await shown()).not.toBe(answer);
    await expect.poll(shown).toBe(answer);
    await page.reload();
    await expect.poll(shown).toBe(answer);
  },
);
