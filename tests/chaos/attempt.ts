import { request as httpRequest } from 'node:http';
import type { Agent, IncomingMessage } from 'node:http';
import type { Result } from './record.ts';

/** One request to send. */
export interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly agent: Agent;
  /** How long to wait for the whole answer, in ms. */
  readonly timeoutMs: number;
}

/** Sends a request once; never rejects. */
export function send({ url, method, headers, body, agent, timeoutMs }: Outgoing): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<Result>();
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const request = httpRequest(url, { method, agent, headers: { ...headers, ...length } });
  const timer = setTimeout(() => {
    resolve({ kind: 'silence' });
    request.destroy();
  }, timeoutMs);
  const settle = (result: Result): void => {
    clearTimeout(timer);
    resolve(result);
  };
  const settleBroken = (error: Error): void => {
    const code = 'code' in error ? String(error.code) : error.message;
    // If the connection was never established, nothing was sent.
    if (code === 'ECONNREFUSED' || request.socket?.connecting === true) settle({ kind: 'refused' });
    else settle({ kind: 'broken', code, reused: request.reusedSocket });
  };
  request.on('error', settleBroken);
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', settleBroken);
    response.on('end', () => settle(readAnswer(response, Buffer.concat(chunks).toString())));
  });
  request.end(body);
  return promise;
}

function readAnswer(response: IncomingMessage, text: string): Result {
  const { headers, statusCode: status = 0 } = response;
  const success = status >= 200 && status < 300;
  const body = asObject(text);
  const stringAt = (name: string): string | undefined => {
    const value = body[name];
    return typeof value === 'string' ? value : undefined;
  };
  const retryAfter = headers['retry-after'];
  return {
    kind: 'answer',
    status,
    code: success ? undefined : (stringAt('code') ?? `http_${status}`),
    id: stringAt('id'),
    nonce: stringAt('nonce'),
    replica: stringAt('replica'),
    request: headers['ringpost-request']?.toString(),
    spilledFrom: headers['ringpost-spilled-from']?.toString(),
    retryAfter: retryAfter === undefined ? undefined : Number(retryAfter),
  };
}

function asObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
