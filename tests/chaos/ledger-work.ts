/**
 * The replicas' work, as a HANDLER. Each execution appends a line to the ledger, takes `?ms=` milliseconds,
 * and answers with the request's id and a nonce that is also in the ledger. `?bad=` makes it misbehave, and
 * `?stream=` makes it answer with a stream. `SLOW_REPLICA=S2*8` makes one replica take eight times as long;
 * with `FAILING_SHARE=0.3` the first attempts of so many GETs are answered 503.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { HandlerContext } from '../../worker/handlers/handler.ts';
import { misbehave } from './bad-work.ts';
import { appendToLedger, brokenFile } from './ledger.ts';
import { streamAnswer } from './streams/stream-work.ts';

const directory = process.env['LEDGER_DIRECTORY'];
if (directory === undefined) throw new Error('LEDGER_DIRECTORY is missing');
const own = process.env['REPLICA'];
if (own !== undefined && existsSync(brokenFile(directory, own)))
  throw new Error(`${own} is broken on purpose`);

const [slow, factor] = (process.env['SLOW_REPLICA'] ?? '').split('*');
const failingShare = Number(process.env['FAILING_SHARE'] ?? 0);
const slowdown = own !== undefined && own === slow ? Number(factor) : 1;

export default async (
  request: Request,
  { replica, attempt, resumeFrom }: Pick<HandlerContext, 'replica' | 'attempt' | 'resumeFrom'>,
): Promise<Response> => {
  const url = new URL(request.url);
  const { pathname, searchParams } = url;
  const id = pathname.slice(1);
  const nonce = randomUUID();
  const { method } = request;
  appendToLedger(directory, { id, method, replica, attempt, pid: process.pid, at: Date.now(), nonce });
  await delay(slowdown * Number(searchParams.get('ms') ?? 0));
  // The id begins with random hexadecimal digits.
  if (method === 'GET' && attempt === 1 && Number.parseInt(id.slice(0, 4), 16) < failingShare * 0x10000)
    return new Response('try again', { status: 503 });
  const bad = searchParams.has('bad') ? await misbehave(url) : undefined;
  return bad ?? streamAnswer(url, resumeFrom) ?? Response.json({ id, nonce, replica });
};
