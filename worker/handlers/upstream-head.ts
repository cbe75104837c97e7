import { stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { isToldField } from '#shared/contract/told-fields.ts';
import type { HandlerContext } from './handler.ts';

/** What an upstream learns besides what the client has sent. */
export interface UpstreamHeadRules {
  /** Name and port of the upstream, as in `Host`. */
  readonly authority: string;
  /** Whose `Host` the upstream gets. */
  readonly host: 'client' | 'upstream';
  /** Which fields say who sent a request. */
  readonly forwarded: 'both' | 'standard' | 'none';
}

/** Fields by which proxies say who sent a request. */
const origin = /^(?:forwarded|x[-_](?:forwarded[-_].*|real[-_]ip))$/;
/** The element of `Forwarded` that the gateway writes. */
const element = /^for=(?:"\[([^\]]*)\]"|([^;]*))(?:;host="((?:[^"\\]|\\.)*)")?;proto=(\w+)$/;

/**
 * Makes the fields of a request to an upstream: those of the client in their order, then the framing of the
 * body, the request's id, replica and attempt, where its answer is taken up, and `X-Forwarded-*` derived from
 * the gateway's `Forwarded`. A
 * request without a body has no framing; an empty body has the framing that the client gave it.
 * @param connection the value of `Connection`.
 */
export function upstreamHead(
  request: HttpRequest,
  { requestId, replica, attempt, deadline, resumeFrom }: HandlerContext,
  rules: UpstreamHeadRules,
  connection: 'keep-alive' | 'close',
): string[] {
  const raw = stripHopByHop(request.headers);
  const head: string[] = [];
  let host = rules.host === 'upstream' ? rules.authority : undefined;
  let length: string | undefined;
  let forwarded = '';
  const derived = new Set(rules.forwarded === 'both' ? ['for', 'proto', 'host'] : []);
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    let value = raw[at + 1] ?? '';
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        if (host !== undefined) continue;
        host = value;
        break;
      case 'content-length':
        length = value;
        continue;
      case 'last-event-id':
        // Another one is sent in its place.
        if (resumeFrom !== undefined) continue;
        break;
      case 'ringpost-deadline':
        // It counts from when the request was accepted, so less is left now.
        value = String(Math.max(0, deadline - Date.now()));
        break;
      default:
        if (isToldField(lower)) continue;
        if (!origin.test(lower)) break;
        if (rules.forwarded === 'none') continue;
        if (lower === 'forwarded') forwarded = value;
        else if (lower.startsWith('x-forwarded-')) derived.delete(lower.slice('x-forwarded-'.length));
    }
    head.push(name, value);
  }
  if (host === undefined || rules.host === 'upstream') head.unshift('Host', rules.authority);
  head.push('Connection', connection, ...framing(request, length));
  head.push('Ringpost-Request', requestId, 'Ringpost-Replica', replica, 'Ringpost-Attempt', String(attempt));
  if (resumeFrom !== undefined) {
    const { offset, lastEventId } = resumeFrom;
    head.push('Ringpost-Resume-From', String(offset));
    if (lastEventId !== undefined) head.push('Last-Event-ID', Buffer.from(lastEventId).toString('latin1'));
  }
  if (derived.size > 0) head.push(...derivedFields(forwarded, derived));
  return head;
}

function framing({ body, emptyChunked }: HttpRequest, length: string | undefined): string[] {
  if (body.length > 0) return ['Content-Length', String(body.length)];
  if (emptyChunked === true) return ['Transfer-Encoding', 'chunked'];
  return length === undefined ? [] : ['Content-Length', '0'];
}

/** The wanted ones of `X-Forwarded-For`, `-Proto` and `-Host`. */
function derivedFields(forwarded: string, wanted: ReadonlySet<string>): string[] {
  const [, ipv6, other, host, proto] = element.exec(forwarded) ?? [];
  const client = ipv6 ?? other;
  const fields: string[] = [];
  if (client !== undefined && wanted.has('for')) fields.push('X-Forwarded-For', client);
  if (proto !== undefined && wanted.has('proto')) fields.push('X-Forwarded-Proto', proto);
  if (host !== undefined && wanted.has('host')) {
    fields.push('X-Forwarded-Host', host.replaceAll(/\\(.)/g, '$1'));
  }
  return fields;
}
