import type { IncomingMessage } from 'node:http';
import { Problem } from '#shared/errors.ts';

const empty = Buffer.alloc(0);

/**
 * Reads a request's body whole.
 * @param limit bytes that it may have.
 * @returns at once where there is none.
 * @throws {Problem} or rejects with it: `body_too_large`, as soon as it is known; `request_malformed` when the client breaks off.
 */
export function readBody(raw: IncomingMessage, limit: number): Uint8Array | Promise<Uint8Array> {
  const length = raw.headers['content-length'];
  const coding = raw.headers['transfer-encoding'];
  const chunked = coding !== undefined;
  if (chunked && coding.toLowerCase() !== 'chunked') {
    const detail = `The transfer coding ${coding} is not supported, chunked alone is.`;
    throw new Problem('transfer_coding_not_supported', detail);
  }
  if (!chunked && (length === undefined || length === '0')) return empty;
  const tooLarge = (): Problem => new Problem('body_too_large', `The body has more than ${limit} bytes.`);
  if (length !== undefined && Number(length) > limit) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    raw.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        raw.removeAllListeners('data');
        reject(tooLarge());
        return;
      }
      chunks.push(chunk);
    });
    raw.once('end', () => resolve(chunks.length === 1 ? (chunks[0] ?? empty) : Buffer.concat(chunks, size)));
    raw.once('error', () => reject(new Problem('request_malformed', 'The body broke off.')));
    raw.once('close', () => reject(new Problem('request_malformed', 'The body broke off.')));
  });
}
