import { createHmac } from 'node:crypto';
import type { BlockList } from 'node:net';
import type { Caller } from '#shared/contract/caller.ts';
import type { JobData } from '#shared/contract/job.ts';
import { clientOf } from '../request/client-address.ts';
import type { KeyedRequest } from '../request/hash-key.ts';
import { identityOf } from './caller-key.ts';
import type { CallerSource } from './caller-key.ts';
import type { CallerSecret } from './caller-secret.ts';

/** Identifies the callers of requests. */
export class Callers {
  readonly #sources: readonly CallerSource[];
  readonly #secret: Pick<CallerSecret, 'key'>;
  readonly #trusted: BlockList | undefined;

  /** @param trusted proxies that may say who the client of a request is. */
  constructor(
    sources: readonly CallerSource[],
    secret: Pick<CallerSecret, 'key'>,
    trusted: BlockList | undefined,
  ) {
    this.#sources = sources;
    this.#secret = secret;
    this.#trusted = trusted;
  }

  /** @returns the caller of a request; the same one for all requests that have none of the sources. */
  of(request: KeyedRequest): Caller {
    const { parts, byHeader } = identityOf(this.#sources, request);
    const digest = createHmac('sha256', this.#secret.key).update(JSON.stringify(parts)).digest('base64url');
    return { digest, alone: byHeader };
  }

  /** @returns the caller of a request, from the fields that a gateway has forwarded. */
  ofSent({ target, headers }: Pick<JobData, 'target' | 'headers'>): Caller {
    return this.of({ target, headers, ip: clientOf(headers, this.#trusted) });
  }
}
