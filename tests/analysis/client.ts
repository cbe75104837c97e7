import { Pool } from 'undici';
import { now } from '../chaos/clock.ts';
import type { Choice, Choose } from './choose.ts';

/** How one request ended. */
export interface Outcome {
  /** Ms since the epoch. */
  readonly sent: number;
  readonly ended: number;
  /** The owner of its id, where the client knows it. */
  readonly owner: string | undefined;
  /** The replica that has answered. */
  readonly replica: string | undefined;
  /** The code of a problem, `http_<status>`, or the error of the connection; undefined for 2xx. */
  readonly failure: string | undefined;
}

/** Longer than any answer of a gateway takes, in ms. */
const timeoutMs = 60_000;

/** Sends `GET /home` to a gateway. */
export class Client {
  readonly #pool: Pool;
  readonly #choose: Choose;

  /** @param connections how many at most; undefined: as many as there are requests at once. */
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
    const { code } = JSON.parse(text) as { code?: unknown }; // read with care below
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Sends a number of requests, each as soon as one before has ended.
 * @param inFlight requests under way at once.
 * @param onEnded called after each.
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

/** Requests that are sent at a steady rate, whatever becomes of those before. */
export interface SteadyLoad {
  /** Those that have ended so far. */
  readonly outcomes: readonly Outcome[];
  /** Sends nothing new; resolves when all have ended. */
  stop(): Promise<void>;
}

/** @param perSecond requests in a second; they leave in one bunch each 10 ms. */
export function sendSteadily(client: Client, perSecond: number): SteadyLoad {
  const outcomes: Outcome[] = [];
  const underWay = new Set<Promise<void>>();
  const began = now();
  let sent = 0;
  const timer = setInterval(() => {
    // What a late timer has missed is sent now: the rate is kept.
    for (const due = ((now() - began) / 1000) * perSecond; sent < due; sent += 1) {
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
