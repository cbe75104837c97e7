// Counts requests by tenant, in memory. Requests with the same key go to one replica, so it counts them all.
import { Hono } from 'hono';
import type { HandlerContext } from 'ringpost/handler';

const counts = new Map<string, number>();

const app = new Hono<{ Bindings: HandlerContext }>();

app.get('/', (c) => c.json({ replica: c.env.replica, tenants: [...counts.keys()] }));

app.get('/count/:tenant', (c) => {
  const tenant = c.req.param('tenant');
  const count = (counts.get(tenant) ?? 0) + 1;
  counts.set(tenant, count);
  return c.json({ tenant, count, replica: c.env.replica });
});

app.post('/echo', async (c) => {
  const type = c.req.header('content-type') ?? 'application/octet-stream';
  return c.body(await c.req.arrayBuffer(), 200, { 'content-type': type });
});

export default app;
