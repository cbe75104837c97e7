import { isUtf8 } from 'node:buffer';
import { shownText } from './shown.ts';

/** An answer in a JSON document. */
export interface ShownMessage {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** How the body is encoded: `base64` if it is not text. */
  readonly encoding: 'utf8' | 'base64';
  readonly body: string;
}

export async function readMessage(response: Response): Promise<ShownMessage> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const encoding = isUtf8(bytes) ? 'utf8' : 'base64';
  return {
    status: response.status,
    headers: [...response.headers],
    encoding,
    body: bytes.toString(encoding),
  };
}

/** Writes the body on stdout. A terminal gets no control characters and no bytes that are not text. */
export function writeMessage({ encoding, body }: ShownMessage): void {
  if (!process.stdout.isTTY) process.stdout.write(Buffer.from(body, encoding));
  else if (encoding === 'utf8') process.stdout.write(`${body.split('\n').map(shownText).join('\n')}\n`);
  else process.stdout.write('The body is not text; send the output to a file.\n');
}
