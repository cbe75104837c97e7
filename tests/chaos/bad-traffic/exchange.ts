import { request as httpRequest } from 'node:http';
import { now } from '../clock.ts';

/** A request to send once, on a new connection. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long to wait for the whole answer, in ms. */
  readonly timeoutMs?: number;
}

/** How a request ended. Only the first KiB of the answer's body is kept; the rest is counted. */
export interface Exchange {
  /** Undefined if the connection broke or no answer came in time. */
  readonly status: number | undefined;
  /** The `code` of a problem. */
  readonly code: string | undefined;
  readonly replica: string | undefined;
  readonly start: string;
  readonly bytes: number;
  readonly ms: number;
}

const keptBytes = 1024;
const defaultTimeoutMs = 40_000;

/** Sends a request and reads the whole answer; never rejects. */
export function exchange(url: string, path: string, asked: Asked = {}): Promise<Exchange> {
  const { method = 'GET', headers = {}, body, timeoutMs = defaultTimeoutMs } = asked;
  const { promise, resolve } = Promise.withResolvers<Exchange>();
  const sent = now();
  let bytes = 0;
  let start = '';
  let replica: string | undefined;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const request = httpRequest(url + path, { method, agent: false, headers: { ...headers, ...length } });
  const settle = (status: number | undefined): void => {
    clearTimeout(timer);
    resolve({ status, code: codeOf(start), replica, start, bytes, ms: now() - sent });
    request.destroy();
  };
  const timer = setTimeout(() => settle(undefined), timeoutMs);
  request.on('error', () => settle(undefined));
  request.on('response', (response) => {
    const named = response.headers['ringpost-replica'];
    replica = typeof named === 'string' ? named : undefined;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (start.length < keptBytes) start += chunk.toString('latin1').slice(0, keptBytes);
    });
    response.on('error', () => settle(undefined));
    response.on('end', () => settle(response.complete ? response.statusCode : undefined));
  });
  request.end(body);
  return promise;
}

function codeOf(start: string): string | undefined {
  return /"code":"([a-z_]+)"/.exec(start)?.[1];
}

/** @returns how the request ended, in a few words, e.g. `502 worker_died`. */
export function ending({ status, code }: Exchange): string {
  return status === undefined ? 'no answer' : code === undefined ? String(status) : `${status} ${code}`;
}
