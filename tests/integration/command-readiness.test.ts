import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Readiness } from '../../worker/command/readiness.ts';
import { serve } from '../fixtures/http-server.ts';

/** @returns the readiness of a program that gets the question for `/ready` as a request. */
async function readinessOf(onRequest: RequestListener): Promise<Readiness> {
  const { port } = new URL(await serve(onRequest));
  return new Readiness(Number(port), '/ready');
}

describe('the reason why a program was not ready in time', () => {
  it('is its last answer, even if the time ended while it was asked again', async () => {
    const late = new AbortController();
    let asked = 0;
    const readiness = await readinessOf((_, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(404).end();
      else late.abort();
    });
    await expect(readiness.wait(late.signal)).rejects.toThrow('aborted');
    expect(readiness.state).toBe('/ready is answered 404');
  });

  it('is that it never answered, even if the time ended during the first question', async () => {
    const late = new AbortController();
    const readiness = await readinessOf(() => late.abort());
    await expect(readiness.wait(late.signal)).rejects.toThrow('aborted');
    expect(readiness.state).toBe('/ready is not answered');
  });
});
