import type { ServerResponse } from 'node:http';

/** Sends a head that is written, and whose bytes follow later. Node would flush it as UTF-8, not latin1. */
export function sendHead(response: ServerResponse): void {
  response.write('', 'latin1');
}
