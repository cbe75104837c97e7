// Makes a payment once for each Idempotency-Key, also if a worker dies while it pays.
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { HandlerContext } from 'ringpost/handler';

interface Payment {
  readonly order: string;
  readonly amount: number;
}

/** Stands for a table with a unique index: each payment is a file named after its idempotency key. */
const table = 'payments';

/** @returns whether the row is new. Like an `INSERT … ON CONFLICT DO NOTHING`, it writes all or nothing. */
async function insert(key: string, payment: Payment): Promise<boolean> {
  await mkdir(table, { recursive: true });
  const draft = `${table}/.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(payment));
  try {
    await link(draft, `${table}/${encodeURIComponent(key)}.json`);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft);
  }
}

async function paymentsOf(order: string): Promise<Payment[]> {
  const files = (await readdir(table).catch(() => [])).filter((name) => name.endsWith('.json'));
  const rows = await Promise.all(files.map((name) => readFile(`${table}/${name}`, 'utf8')));
  return rows.map((row) => JSON.parse(row) as Payment).filter((payment) => payment.order === order);
}

export default async function handle(request: Request, context: HandlerContext): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname !== '/payments') return new Response('not found', { status: 404 });
  if (request.method === 'GET') return Response.json(await paymentsOf(searchParams.get('order') ?? ''));
  if (request.method !== 'POST') return new Response('GET or POST', { status: 405 });

  const payment = (await request.json()) as Payment;
  // Without a key nobody can recognise a repeat, so each request is a payment of its own.
  const key = request.headers.get('idempotency-key') ?? randomUUID();
  const isNew = await insert(key, payment);
  if (context.attempt === 1 && request.headers.has('x-die')) process.kill(process.pid, 'SIGKILL');
  return Response.json({ ...payment, attempt: context.attempt, isNew }, { status: 201 });
}
