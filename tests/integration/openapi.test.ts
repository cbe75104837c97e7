import { Ajv2020 } from 'ajv/dist/2020.js';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RingpostClient, RingpostError } from '#shared/client/client.ts';
import type { DeadLetterQuery } from '#shared/client/client.ts';
import type { DeadLetterSummaryView } from '#shared/contract/views.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Record<string, { readonly schema: object }> }
    >
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function start(settings: NodeJS.ProcessEnv = {}) {
  const { url } = await system().start({
    REPLICAS: '2',
    HANDLER: handler,
    LEDGER: workers.ledger(),
    ...settings,
  });
  const document = (await (await fetch(`${url}/-/openapi.json`)).json()) as Document;
  return { url, document };
}

/** Checks the answers of a gateway against its own document. */
function checking(document: Document) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const called = new Set<string>();
  const check = async (input: string, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    const { pathname } = new URL(input);
    const method = (init?.method ?? 'GET').toLowerCase();
    const [path, operations] =
      Object.entries(document.paths).find(
        ([each, found]) => found[method] && each !== '/{path}' && matches(each, pathname),
      ) ?? [];
    const operation = operations?.[method];
    if (path === undefined || operation === undefined) return response;
    called.add(operation.operationId);
    const said = operation.responses[String(response.status)] ?? operation.responses['default'];
    expect(said, `${method} ${path} answers ${response.status}`).toBeDefined();
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    const schema = said?.content?.[type]?.schema;
    if (type.endsWith('json') && schema !== undefined) {
      const answer: unknown = await response.clone().json();
      const valid = ajv.validate(schema, answer);
      expect(valid ? [] : ajv.errors, `${method} ${path}: ${JSON.stringify(answer)}`).toEqual([]);
    }
    return response;
  };
  return { check, called };
}

async function listed(client: RingpostClient, query: DeadLetterQuery = {}): Promise<DeadLetterSummaryView[]> {
  const letters: DeadLetterSummaryView[] = [];
  for await (const letter of client.deadLetters(query)) letters.push(letter);
  return letters;
}

function matches(template: string, path: string): boolean {
  return new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path);
}

describe('/-/openapi.json', () => {
  it('describes every route of the gateway, and dispatched requests, in OpenAPI 3.1', async () => {
    const { document } = await start();
    expect(document.openapi).toBe('3.1.0');
    const all = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    expect(all.filter((each) => !each.endsWith('/{path}')).toSorted()).toEqual([
      'delete /-/api/replicas',
      'delete /-/api/requests/{id}',
      'delete /-/api/session',
      'delete /-/dead-letters',
      'delete /-/dead-letters/{id}',
      'delete /-/requests/{id}',
      'delete /rm',
      'get /-/api/autoscale',
      'get /-/api/callbacks',
      'get /-/api/dead-letters',
      'get /-/api/events',
      'get /-/api/gateways',
      'get /-/api/hot-keys',
      'get /-/api/key',
      'get /-/api/live',
      'get /-/api/overview',
      'get /-/api/plan',
      'get /-/api/replicas',
      'get /-/api/replicas/{name}',
      'get /-/api/requests',
      'get /-/api/requests/{id}',
      'get /-/api/samples',
      'get /-/api/session',
      'get /-/api/settings',
      'get /-/dead-letters',
      'get /-/dead-letters/{id}',
      'get /-/live',
      'get /-/metrics',
      'get /-/ready',
      'get /-/requests/{id}',
      'get /-/requests/{id}/reply',
      'get /-/ring',
      'get /rep',
      'post /-/api/replicas',
      'post /-/api/replicas/{name}/drain',
      'post /-/api/replicas/{name}/pause',
      'post /-/api/replicas/{name}/restart',
      'post /-/api/replicas/{name}/resume',
      'post /-/api/restart',
      'post /-/api/session',
      'post /-/callbacks/secret',
      'post /-/dead-letters/redrive',
      'post /-/dead-letters/{id}/redrive',
      'post /add',
      'put /-/api/autoscale',
      'put /-/api/replicas/{name}/weight',
    ]);
    const operations = Object.values(document.paths).flatMap((each) => Object.values(each));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { responses, operationId } of operations) {
      for (const { description } of Object.values(responses)) {
        expect(description, operationId).not.toBe('Default Response');
      }
    }
  });

  it('matches the answers that the gateway gives to its own client', async () => {
    const { url, document } = await start({ AUTOSCALE: '2..4' });
    const { check, called } = checking(document);
    const client = new RingpostClient(url, { fetch: check });
    const { id } = await client.submit('/x', {
      method: 'POST',
      body: 'b',
      key: 'k',
      attempts: 2,
      priority: 3,
    });
    expect((await client.finished(id)).state).toBe('done');
    expect(await (await client.reply(id)).json()).toMatchObject({ attempt: 1 });
    await expect(client.cancel(id)).rejects.toMatchObject({ code: 'already_finished' });
    await expect(client.status('nobody')).rejects.toBeInstanceOf(RingpostError);
    const slow = await client.submit('/x?ms=3000', { key: 'k' });
    expect((await client.cancel(slow.id)).state).toBe('cancelled');
    expect((await check(`${url}/-/api/requests/${slow.id}`, { method: 'DELETE' })).status).toBe(409);
    const waited = await client.request('/x', { key: 'k', idempotencyKey: 'i', method: 'POST' });
    expect(waited.status).toBe(200);
    const repeated = await client.submit('/x', { key: 'k', idempotencyKey: 'i', method: 'POST' });
    expect(repeated.state).toBe('done');

    const failed = await client.submit('/x?fail=1&status=500');
    await client.finished(failed.id);
    // The letter is filed after the record says "failed", and before the job is removed.
    const letters = async (): Promise<string[]> =>
      (await listed(client, { code: 'http_500' })).map((letter) => letter.id);
    await expect.poll(letters).toEqual([failed.id]);
    expect((await client.deadLetter(failed.id)).reply?.status).toBe(500);
    const again = await client.redrive(failed.id);
    await client.finished(again);
    await expect.poll(async () => (await listed(client)).length).toBe(1);
    for (const path of ['requests?limit=2', `requests/${again}`, 'live', 'dead-letters', 'callbacks', 'live'])
      expect((await check(`${url}/-/api/${path}`)).status, path).toBe(200);
    await check(`${url}/-/dead-letters/redrive?all=true&dry-run=true`, { method: 'POST' });
    await check(`${url}/-/dead-letters/redrive?all=true`, { method: 'POST' });
    await check(`${url}/-/dead-letters?all=true`, { method: 'DELETE' });
    for (const action of ['pause', 'drain', 'resume', 'restart'])
      await check(`${url}/-/api/replicas/S2/${action}`, { method: 'POST' });
    await check(`${url}/-/api/restart`, { method: 'POST' });
    await check(`${url}/-/api/replicas/S7/drain`, { method: 'POST' });
    await check(`${url}/-/api/plan?add=S9:2&weight=S1:3&rm=S2`);
    await check(`${url}/-/api/replicas/S1/weight`, { method: 'PUT', body: '{"weight":3}' });
    // The leading controller says within two seconds that it scales.
    const stop = {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"enabled":false}',
    };
    await expect.poll(async () => (await check(`${url}/-/api/autoscale`, stop)).status).toBe(200);
    expect((await check(`${url}/-/api/autoscale`, { ...stop, body: '{}' })).status).toBe(400);
    await check(`${url}/-/dead-letters?limit=0`);
    await expect(client.deleteDeadLetter(failed.id)).rejects.toMatchObject({ code: 'not_found' });

    await expect(client.receiverSecrets('https://receiver.example')).rejects.toMatchObject({
      code: 'forbidden',
    });

    expect(await client.addReplicas(1, ['S7'])).toEqual(['S1', 'S2', 'S7']);
    expect(await client.removeReplicas(1, ['S7'])).toEqual(await client.replicas());
    await expect(client.removeReplicas(9)).rejects.toMatchObject({ status: 400 });
    for (const method of ['POST', 'DELETE'])
      expect((await check(`${url}/-/api/session`, { method })).status).toBe(403);
    for (const method of ['POST', 'DELETE'])
      expect((await check(`${url}/-/api/replicas`, { method, body: '{"n":0}' })).status).toBe(400);
    for (const path of ['/-/api/session', '/-/live', '/-/ready', '/-/ring?key=k', '/-/metrics']) {
      expect((await check(`${url}${path}`)).status).toBe(200);
    }
    const shown = [
      'overview',
      'replicas',
      'replicas/S1',
      'samples',
      'gateways',
      'settings',
      'hot-keys',
      'autoscale',
    ];
    for (const path of [...shown, 'hot-keys', 'key?key=k'])
      expect((await check(`${url}/-/api/${path}`)).status, path).toBe(200);
    expect((await check(`${url}/-/api/replicas/S9`)).status).toBe(404);
    expect((await check(`${url}/-/api/events?topics=none`)).status).toBe(400);
    const own = Object.entries(document.paths).flatMap(([path, operations]) =>
      path === '/{path}' ? [] : Object.values(operations).map(({ operationId }) => operationId),
    );
    expect(own.filter((operation) => !called.has(operation))).toEqual([]);
  });

  it('is shown at /-/docs, which loads nothing from elsewhere', async () => {
    const { url } = await start();
    const page = await fetch(`${url}/-/docs`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toContain('text/html');
    const html = await page.text();
    expect(html).toContain('swagger-ui');
    const all = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source ?? '');
    // Its empty icon.
    const sources = all.filter((source) => source !== 'data:,');
    expect(sources.length).toBeGreaterThan(2);
    for (const source of sources) {
      const found = new URL(source, page.url);
      expect(found.origin).toBe(url);
      expect((await fetch(found)).status, found.href).toBe(200);
    }
  });
});
