import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { RingpostError } from '#shared/client/client.ts';
import type { LiveRequestView } from '#shared/contract/api/requests.ts';
import type { Context } from './context.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { liveLine } from './live-line.ts';

interface TailOptions extends GatewayOptions {
  readonly replica?: string;
  readonly status?: RegExp;
}

/** The pause before a lost gateway is asked again, in ms. */
const reconnectDelayMs = 1000;
/** A gateway ends each stream after a quarter of an hour, and may be asked again at once. */
const longMs = 10_000;

/** `ringpost tail`. */
export function define(command: Command, context: Context): void {
  withGatewayOptions(command)
    .description(
      'Follow the requests as they end, until Ctrl-C. It shows those of one gateway. With --json each ' +
        'line is one JSON document.',
    )
    .option('--replica <name>', 'only those of this replica')
    .option('--status <status>', 'only those with this status, e.g. 503 or 5xx', statusPattern)
    .action(async (options: TailOptions) => {
      const ending = new AbortController();
      const end = (): void => ending.abort();
      process.once('SIGINT', end).once('SIGTERM', end);
      try {
        await follow(options, context, ending.signal);
      } finally {
        process.off('SIGINT', end).off('SIGTERM', end);
      }
    });
}

/** Follows until the signal fires. Connects again if the gateway goes; the first connection must succeed. */
async function follow(options: TailOptions, context: Context, signal: AbortSignal): Promise<void> {
  const { adminSide, operator } = gatewaySides(options, context);
  // It fails if this is not the admin side of a gateway.
  await adminSide.ring();
  let wasConnected = false;
  while (!signal.aborted) {
    const since = performance.now();
    try {
      for await (const { requests, left } of operator.live(signal)) {
        wasConnected = true;
        write(
          requests.filter((request) => matches(request, options)),
          left,
          context,
        );
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!wasConnected || isRefusal(error)) throw error;
    }
    if (signal.aborted) return;
    if (performance.now() - since > longMs) continue;
    process.stderr.write('ringpost: the gateway does not answer; connecting again\n');
    await delay(reconnectDelayMs, undefined, { signal }).catch(() => undefined);
  }
}

/** @returns whether the gateway would refuse the call again. */
function isRefusal(error: unknown): boolean {
  return error instanceof RingpostError && error.status < 500;
}

function write(requests: readonly LiveRequestView[], left: number, { output }: Context): void {
  const lines = requests.map((request) =>
    output.json ? JSON.stringify(request) : liveLine(request, output.paint),
  );
  if (left > 0 && !output.json) lines.push(output.paint.dim(`… ${left} more`));
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

function matches({ replica, status }: LiveRequestView, options: TailOptions): boolean {
  const isOfReplica = options.replica === undefined || options.replica === replica;
  return isOfReplica && (options.status?.test(String(status)) ?? true);
}

function statusPattern(text: string): RegExp {
  if (!/^[1-9](?:\d\d|xx)$/i.test(text))
    throw new InvalidArgumentError('It must be a status such as 503, or a class such as 5xx.');
  return new RegExp(`^${text.toLowerCase().replace('xx', String.raw`\d\d`)}$`);
}
