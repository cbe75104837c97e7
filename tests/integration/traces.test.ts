import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { context, propagation, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { beforeEach, describe, expect, it } from 'vitest';
import { createWorker } from '../../gateway/package/index.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { seenOf } from '../fixtures/seen-spans.ts';
import type { SeenSpan } from '../fixtures/seen-spans.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway, System } from '../fixtures/system.ts';
import { eventually, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

// The gateway runs in this process, and finds this SDK.
const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
beforeEach(() => exporter.reset());

const handler = fileURLToPath(new URL('../fixtures/handlers/traced.ts', import.meta.url));
const tracing = fileURLToPath(new URL('../fixtures/tracing.ts', import.meta.url));

/** What the workers of the current test are started with. */
function traced(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const SPANS = `${workers.ledger()}.spans`;
  return { NODE_OPTIONS: `--import ${tracing}`, SPANS, HANDLER: handler, CONCURRENCY: '1', ...more };
}

/** @returns all spans that have ended so far in the processes of the current test. */
async function spansNow(): Promise<SeenSpan[]> {
  const text = await readFile(`${workers.ledger()}.spans`, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  // The processes write them so.
  return [...exporter.getFinishedSpans().map(seenOf), ...lines.map((line) => JSON.parse(line) as SeenSpan)];
}

/** Starts a gateway with replicas S1 …, each with a worker started by hand. */
async function startWith(current: System, count: number, more: NodeJS.ProcessEnv = {}) {
  const names = Array.from({ length: count }, (_, at) => `S${at + 1}`);
  const commands = await Promise.all(names.map((name) => workers.start(current, name, traced(more))));
  const running = await current.start({
    REPLICA_DRIVER: 'none',
    LEASE_MS: String(workerLeaseMs),
    FAILOVER_MS: '300',
    REPLICAS: String(count),
  });
  await running.gateway.watcher.until(({ ring }) => names.every((name) => ring.has(name)), 20_000);
  return { running, commands };
}

/** @returns a key that the current ring gives to the replica. */
function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

/** Sends a request from a span of a client. @returns the answer, and how to get the spans of its trace. */
function send(url: string, init: { method?: string; headers?: Record<string, string> } = {}) {
  const span = trace.getTracer('client').startSpan('client');
  const headers: Record<string, string> = { ...init.headers };
  propagation.inject(trace.setSpan(context.active(), span), headers);
  const answer = fetch(url, { ...init, headers });
  const { traceId, spanId } = span.spanContext();
  /** Waits until so many spans of the trace have ended. @returns them by name, in the order of their ends. */
  const spans = (count: number): Promise<SeenSpan[]> =>
    eventually(async () => {
      const ours = (await spansNow()).filter((each) => each.trace === traceId);
      return ours.length >= count && ours;
    });
  return { answer, spans, traceId, spanId };
}

/** @returns the one span of that name. */
function one(spans: readonly SeenSpan[], name: string): SeenSpan {
  const found = spans.filter((each) => each.name === name);
  expect(found.map((each) => each.name)).toEqual([name]);
  return found[0] as SeenSpan; // there is one
}

describe('with an SDK in gateway and workers', () => {
  it('a request is one trace from its client to its handler, even if another worker adopts its queue', async () => {
    const current = system();
    const { running, commands } = await startWith(current, 2);
    const key = keyOf(running, 'S2');
    const busy = fetch(`${running.url}/busy?ms=60000`, { method: 'POST', headers: { 'ringpost-key': key } });
    await eventually(async () => (await workers.runs()).includes('POST /busy'));
    const sent = send(`${running.url}/waits?secret=x`, { headers: { 'ringpost-key': key } });
    await eventually(async () => (await current.redis.llen(current.keys.unfinished('S2').wait)) === 1);
    commands[1]?.kill('SIGKILL');
    const answer = await sent.answer;
    expect([answer.status, answer.headers.get('ringpost-adopted-by')]).toEqual([200, 'S1']);
    const id = answer.headers.get('ringpost-request');
    const spans = await sent.spans(4);
    expect(spans).toHaveLength(4);
    const [server, producer] = [one(spans, 'GET'), one(spans, 'send S2')];
    const [consumer, work] = [one(spans, 'process S2'), one(spans, 'work')];
    expect(
      [server, producer, consumer, work].map(({ kind, parent, failed }) => [kind, parent, failed]),
    ).toEqual([
      ['SERVER', sent.spanId, false],
      ['PRODUCER', server.id, false],
      ['CONSUMER', producer.id, false],
      ['INTERNAL', consumer.id, false],
    ]);
    expect(server.attributes).toMatchObject({
      'http.request.method': 'GET',
      'url.path': '/waits',
      'http.response.status_code': 200,
      'ringpost.replica': 'S2',
      'ringpost.request.id': id,
    });
    expect(producer.attributes).toMatchObject({
      'messaging.system': 'ringpost',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'S2',
      'messaging.message.id': id,
    });
    expect(consumer.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'S2',
      'messaging.message.id': id,
      'ringpost.worker': 'S1',
      'ringpost.adopted': true,
    });
    // What the handler read.
    expect(await answer.text()).toBe(`00-${sent.traceId}-${consumer.id}-01`);
    expect(JSON.stringify(spans)).not.toContain('secret');
    expect((await busy).status).toBe(502);
    const lost = await eventually(async () => (await spansNow()).find(({ name }) => name === 'POST'));
    expect(lost).toMatchObject({ failed: true, attributes: { 'error.type': 'outcome_unknown' } });
  });

  it('a run after the death of a worker links to where the job was made', async () => {
    const current = system();
    const { running, commands } = await startWith(current, 1);
    const sent = send(`${running.url}/dies?ms=3000`);
    await eventually(async () => (await workers.runs()).includes('GET /dies'));
    commands[0]?.kill('SIGKILL');
    await workers.start(current, 'S1', traced());
    expect((await sent.answer).status).toBe(200);
    const spans = await sent.spans(4);
    const [producer, consumer] = [one(spans, 'send S1'), one(spans, 'process S1')];
    expect(consumer).toMatchObject({ parent: producer.id, links: [producer.id] });
    expect(consumer.attributes).toMatchObject({ 'ringpost.attempt': 2, 'ringpost.adopted': false });
  });

  it('a retry links to the run before it, which failed', async () => {
    const { running } = await startWith(system(), 1);
    const sent = send(`${running.url}/retried?fail=1&status=503`, { headers: { 'ringpost-attempts': '2' } });
    expect((await sent.answer).status).toBe(200);
    const spans = await sent.spans(6);
    const [first, second] = spans.filter(({ name }) => name === 'process S1');
    const producer = one(spans, 'send S1');
    expect(first).toMatchObject({ failed: true, links: [], attributes: { 'error.type': '503' } });
    expect(second).toMatchObject({ failed: false, parent: producer.id, links: [producer.id, first?.id] });
  });

  it('a handler that throws is on the span of its run, and the answer on that of the request', async () => {
    const { running } = await startWith(system(), 1);
    const sent = send(`${running.url}/throws?fail=1`, { method: 'POST' });
    expect((await sent.answer).status).toBe(500);
    const spans = await sent.spans(4);
    expect(one(spans, 'process S1')).toMatchObject({
      failed: true,
      events: ['exception'],
      attributes: { 'error.type': 'RangeError' },
    });
    expect(one(spans, 'POST')).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'handler_failed' },
    });
  });

  it('a run that is not done by the deadline ends with it', async () => {
    const { running } = await startWith(system(), 1);
    const sent = send(`${running.url}/late?ms=60000`, { headers: { 'ringpost-deadline': '500' } });
    expect((await sent.answer).status).toBe(504);
    const spans = await sent.spans(3);
    const late = { failed: true, attributes: { 'error.type': 'reply_timeout' } };
    expect([one(spans, 'process S1'), one(spans, 'GET')]).toMatchObject([late, late]);
  });

  it('a job that Redis has lost is sent again, with a link to where it was sent first', async () => {
    const current = system();
    const { running } = await startWith(current, 1);
    const busy = fetch(`${running.url}/busy?ms=4000`);
    await eventually(async () => (await workers.runs()).includes('GET /busy'));
    const sent = send(`${running.url}/lost`);
    const { wait } = current.keys.unfinished('S1');
    const id = await eventually(async () => (await current.redis.lrange(wait, 0, -1))[0]);
    await current.redis.multi().del(wait).del(current.keys.job('S1', id)).exec();
    expect((await sent.answer).status).toBe(200);
    const spans = await sent.spans(5);
    const [first, second] = spans.filter(({ name }) => name === 'send S1');
    expect([first?.links, second?.links]).toEqual([[], [first?.id]]);
    expect([second?.parent, one(spans, 'process S1').parent]).toEqual([first?.parent, second?.id]);
    await busy;
  });

  it('an async request is run in the trace of the call that has accepted it', async () => {
    const { running } = await startWith(system(), 1);
    const headers = { prefer: 'respond-async' };
    const sent = send(`${running.url}/async?ms=200`, { method: 'POST', headers });
    expect((await sent.answer).status).toBe(202);
    const spans = await sent.spans(4);
    const [server, producer] = [one(spans, 'POST'), one(spans, 'send S1')];
    expect([producer.parent, one(spans, 'process S1').parent]).toEqual([server.id, producer.id]);
    expect(server.attributes['http.response.status_code']).toBe(202);
  });

  it('an upstream gets the span of the run, once, with the state and baggage of its client', async () => {
    const upstream = await recordingUpstream();
    const { running } = await startWith(system(), 1, { HANDLER: '', UPSTREAM: upstream.url });
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const headers = { traceparent, tracestate: 'vendor=1', baggage: 'user=ada' };
    expect((await fetch(running.url, { headers })).status).toBe(200);
    const consumer = await eventually(async () =>
      (await spansNow()).find(({ name }) => name === 'process S1'),
    );
    const [got] = upstream.got;
    const fields = (wanted: string): string[] =>
      got?.headers.filter((_, at) => at % 2 === 1 && got.headers[at - 1]?.toLowerCase() === wanted) ?? [];
    expect(fields('traceparent')).toEqual([`00-${'a'.repeat(32)}-${consumer.id}-01`]);
    expect([fields('tracestate'), fields('baggage')]).toEqual([['vendor=1'], ['user=ada']]);
  });

  it('a worker in the process of a program uses the SDK of the program', async () => {
    const { redisUrl, namespace: NAMESPACE } = system();
    const settings = {
      REDIS_URL: roleUrl(redisUrl, NAMESPACE, 'worker'),
      NAMESPACE,
      REPLICA: 'S1',
      LOG_LEVEL: 'silent',
    } as const;
    const worker = createWorker(settings, () => new Response(trace.getActiveSpan()?.spanContext().spanId));
    const starting = system().start({ REPLICA_DRIVER: 'none', REPLICAS: '1' });
    await worker.start();
    const { url } = await starting;
    const sent = send(url);
    const active = await (await sent.answer).text();
    const spans = await sent.spans(3);
    expect(one(spans, 'process S1')).toMatchObject({ id: active, parent: one(spans, 'send S1').id });
    await worker.stop();
  });

  it('a malformed context begins a new trace, and its state is not kept', async () => {
    const upstream = await recordingUpstream();
    const { running } = await startWith(system(), 1, { HANDLER: '', UPSTREAM: upstream.url });
    await fetch(running.url, { headers: { traceparent: '00-nonsense', tracestate: 'vendor=1' } });
    const text = upstream.got[0]?.headers.join('\n').toLowerCase();
    expect(text).toMatch(/traceparent\n00-[0-9a-f]{32}-[0-9a-f]{16}-01/);
    expect(text).not.toContain('tracestate');
  });
});
