import { isUtf8 } from 'node:buffer';
import { asBuffer } from '#shared/contract/body.ts';
import type { MessageView } from '#shared/contract/views.ts';

/** Shows a message as JSON. @param headers alternating names and values. */
export function messageView(headers: readonly string[], body: Uint8Array): MessageView {
  const bytes = asBuffer(body);
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([headers[at] ?? '', headers[at + 1] ?? '']);
  const encoding = isUtf8(bytes) ? 'utf8' : 'base64';
  return { headers: pairs, encoding, body: bytes.toString(encoding) };
}
