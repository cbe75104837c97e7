import { Pool } from 'undici';
import { now } from '../chaos/clock.ts';
import type { Choice, Choose } from './choose.ts';

/** How one request ended. */
export interface Outcome {
  /** In ms since the epoch, as `ended`. */
  readonly sent: number;
  readonly ended: number;
  /** The owner of its id, if the client knows it. */
  readonly owner: string | undefined;
  /** The replica that answered. */
  readonly replica: string | undefined;
  /** The code of a problem, `http_<status>`, or the error of the connection; undefined for 2xx. */
  readonly failure: string | undefined;
}

/** Longer than any answer of a gateway can take, in ms. */
const timeoutMs = 60_000;

/** Sends `GET /home` to a gateway. */
export class Client {
  readonly #pool: Pool;
  readonly #choose: Choose;

  /** @param connections the maximum. If undefined, each request under way has its own. */
  constructor(url: string, choose: Choose, connections?: number) {
    this.#choose = choose;
    this.#pool = new Pool(url, {
      connections: connections ?? null,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
  }

  /** Never rejects. */
  async send(): Promise<Outcome> {
    const choice = this.#choose();
    const sent = now();
    const { replica, failure } = await this.#ask(choice);
    choice.ended();
    return { sent, ended: now(), owner: choice.owner, replica, failure };
  }

  /** Resolves when all connections are closed. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  async #ask({ key }: Choice): Promise<Pick<Outcome, 'replica' | 'failure'>> {
    try {
      const { statusCode, headers, body } = await this.#pool.request({
        path: '/home',
        method: 'GET',
        headers: key === undefined ? {} : { 'ringpost-key': key },
      });
      const text = await body.text();
      const replica = headers['ringpost-replica'];
      return {
        replica: typeof replica === 'string' ? replica : undefined,
        failure: statusCode < 300 ? undefined : (codeOf(text) ?? `http_${statusCode}`),
      };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return { replica: undefined, failure: code };
    }
  }
}

/** @returns the `code` of a problem. */
function codeOf(text: string): string | undefined {
  try {
    const { code } = JSON.parse(text) as { code?: unknown }; // its type is checked below
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Sends a number of requests. Each starts as soon as an earlier one has ended.
 * @param inFlight how many requests are under way at a time.
 * @param onEnded is called after each request.
 */
export async function sendAll(
  client: Client,
  amount: number,
  inFlight: number,
  onEnded: () => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let sent = 0;
  const keepBusy = async (): Promise<void> => {
    while (sent < amount) {
      sent += 1;
      outcomes.push(await client.send());
      onEnded();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, keepBusy));
  return outcomes;
}

/** Requests that are sent at a steady rate, even if earlier ones are unanswered. */
export interface SteadyLoad {
  /** The requests that have ended so far. */
  readonly outcomes: readonly Outcome[];
  /** Sends no more requests, and resolves when all have ended. */
  stop(): Promise<void>;
}

/** @param perSecond requests per second; they are sent in batches every 10 ms. */
export function sendSteadily(client: Client, perSecond: number): SteadyLoad {
  const outcomes: Outcome[] = [];
  const underWay = new Set<Promise<void>>();
  const started = now();
  let sent = 0;
  const timer = setInterval(() => {
    // A late timer also sends what it missed, so that the rate is kept.
    for (const due = ((now() - started) / 1000) * perSecond; sent < due; sent += 1) {
      const sending: Promise<void> = client.send().then((outcome) => {
        outcomes.push(outcome);
        underWay.delete(sending);
      });
      underWay.add(sending);
    }
  }, 10);
  return {
    outcomes,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}
