import { now } from '../chaos/clock.ts';

/** One call of the tour and its answer. */
export interface Call {
  readonly request: string;
  readonly status: number;
  /** The body as it was received. */
  readonly answer: string;
  readonly ms: number;
}

type Step = readonly [method: string, path: string, body?: string];

/** The assignment's examples, and calls that must fail. S1, S2 and S3 exist before. */
const steps: readonly Step[] = [
  ['GET', '/rep'],
  ['GET', '/home'],
  ['GET', '/heartbeat'],
  ['GET', '/other'],
  ['POST', '/add', '{"n":4,"hostnames":["S5","S4","S10","S11"]}'],
  ['POST', '/add', '{"n":3,"hostnames":["S5","S4","S10","S11"]}'],
  ['POST', '/add', '{"n":1,"hostnames":["S5"]}'],
  ['POST', '/add', '{"n":0}'],
  ['POST', '/add', 'n=1'],
  ['GET', '/add'],
  ['GET', '/rep'],
  ['DELETE', '/rm', '{"n":3,"hostnames":["S5","S4"]}'],
  ['DELETE', '/rm', '{"n":2,"hostnames":["S10","S11","S1"]}'],
  ['DELETE', '/rm', '{"n":1,"hostnames":["S99"]}'],
  ['DELETE', '/rm', '{"n":20}'],
  ['POST', '/add', '{"n":2,"hostnames":["S12"]}'],
  ['GET', '/rep'],
];

/** Calls every endpoint of the assignment in turn. */
export async function tourEndpoints(url: string, onCalled: () => void): Promise<Call[]> {
  const calls: Call[] = [];
  for (const [method, path, body] of steps) {
    const started = now();
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    });
    const answer = await response.text();
    calls.push({
      request: [method, path, body].filter((part) => part !== undefined).join(' '),
      status: response.status,
      answer,
      ms: now() - started,
    });
    onCalled();
  }
  return calls;
}

/** The number of calls in the tour. */
export const tourLength = steps.length;
