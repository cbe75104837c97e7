import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

/** What a callback says of a job that has ended. docs/callbacks.md shows all of it. */
export interface JobEnded {
  readonly type: 'request.done' | 'request.failed' | 'request.cancelled' | 'request.expired';
  readonly data: {
    readonly id: string;
    readonly replica: string;
    readonly times: { readonly started: string | null };
    readonly reply: { readonly status: number; readonly body: string } | null;
  };
}

/**
 * A server that takes callbacks.
 * @param keys returns the receiver's keys. There are two while the gateway's secret is rotated.
 * @param take is called once for each job that has ended.
 */
export function createReceiver(keys: () => readonly string[], take: (ended: JobEnded) => void): Server {
  const taken = new Set<string>();
  return createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const ended = verified(keys(), body, headers);
      // A callback may arrive more than once. Its id is always the same.
      if (ended !== undefined && !taken.has(ended.data.id)) {
        taken.add(ended.data.id);
        take(ended);
      }
      response.writeHead(ended === undefined ? 401 : 204).end();
    })();
  });
}

function verified(
  keys: readonly string[],
  body: string,
  headers: Record<string, string>,
): JobEnded | undefined {
  for (const key of keys) {
    try {
      return new Webhook(key).verify(body, headers) as JobEnded;
    } catch {
      // Another key may verify it.
    }
  }
  return undefined;
}
