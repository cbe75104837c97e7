import { now } from '../clock.ts';
import { ending, exchange } from './exchange.ts';
import { breaksOwnLimit, nastyRequests } from './nasty-requests.ts';
import type { NastyRequest } from './nasty-requests.ts';

export interface FloodResult {
  readonly sent: number;
  readonly slowestMs: number;
  /** Sentences on answers that are not allowed. */
  readonly wrong: string[];
}

const maxSentences = 5;

/** Sends all nasty requests in turn over several connections, again and again until the time is over. */
export async function flood(
  targets: readonly string[],
  options: { readonly connections: number; readonly ms: number; readonly judge: boolean },
): Promise<FloodResult> {
  const end = now() + options.ms;
  const wrong = new Set<string>();
  let sent = 0;
  let slowestMs = 0;
  const keepSending = async (): Promise<void> => {
    while (now() < end) {
      const at = sent;
      sent += 1;
      const nasty = nastyRequests[at % nastyRequests.length];
      if (nasty === undefined) return;
      const answer = await exchange(targets[at % targets.length] ?? '', nasty.path, {
        headers: nasty.headers,
      });
      slowestMs = Math.max(slowestMs, answer.ms);
      if (!isAllowed(nasty, answer.status)) wrong.add(`${nasty.what} was answered ${ending(answer)}`);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, keepSending));
  const sentences = options.judge ? [...wrong].slice(0, maxSentences) : [];
  if (wrong.size > sentences.length && options.judge)
    sentences.push(`${wrong.size - sentences.length} more kinds of nasty requests got a wrong answer`);
  return { sent, slowestMs, wrong: sentences };
}

/**
 * A field of ringpost's own that is too long must be refused with 400. Any other field may be ignored (2xx),
 * refused with 400, or exceed the limit of the whole head (431).
 */
function isAllowed(nasty: NastyRequest, status: number | undefined): boolean {
  if (status === 400) return true;
  if (breaksOwnLimit(nasty)) return false;
  return status !== undefined && ((status >= 200 && status < 300) || status === 431);
}
