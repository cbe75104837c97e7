import type { IncomingMessage } from 'node:http';
import { Problem } from '#shared/contract/errors.ts';
import type { Uploads } from './uploads.ts';

const empty = Buffer.alloc(0);

/**
 * Reads the whole body of a request.
 * @param limit the most bytes that it may have.
 * @param uploads counts its bytes until it is complete.
 * @returns not a promise if there is no body.
 * @throws {Problem} or rejects with it: `body_too_large`, as soon as that is known; `request_malformed` if
 * the client breaks off; `request_timeout` if it sends nothing for too long; `over_capacity`.
 */
export function readBody(
  raw: IncomingMessage,
  limit: number,
  uploads: Uploads,
): Uint8Array | Promise<Uint8Array> {
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
    let isComplete = false;
    const upload = uploads.start((problem) => fail(problem));
    const fail = (problem: unknown): void => {
      raw.removeAllListeners('data');
      chunks.length = 0;
      upload.end();
      reject(problem);
    };
    raw.on('data', (chunk: Buffer) => {
      size += chunk.length;
      try {
        if (size > limit) throw tooLarge();
        upload.received(chunk.length);
      } catch (error) {
        fail(error);
        return;
      }
      chunks.push(chunk);
    });
    const brokeOff = (): void => {
      // Each request is closed after its end. An error takes longer to create than a body to read.
      if (!isComplete) fail(new Problem('request_malformed', 'The body broke off.'));
    };
    raw.once('end', () => {
      isComplete = true;
      upload.end();
      resolve(chunks.length === 1 ? (chunks[0] ?? empty) : Buffer.concat(chunks, size));
    });
    raw.once('error', brokeOff);
    raw.once('close', brokeOff);
  });
}
