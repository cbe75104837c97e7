import type { Command } from 'commander';
import { RingpostClient } from '#shared/client/client.ts';
import type { Fetch } from '#shared/client/client.ts';
import { OperatorClient } from '#shared/client/operator-client.ts';
import { shownUrl } from '#shared/process/shown-url.ts';
import { SettingsError } from '#shared/settings/settings-error.ts';
import { firstToken } from '../admin/tokens.ts';
import type { Context } from './context.ts';
import { exitCodes, Failure, usage } from './failure.ts';

/** The options of a command that calls a running gateway. */
export interface GatewayOptions {
  readonly url?: string;
  readonly adminUrl?: string;
  readonly token?: string;
}

const defaultUrl = 'http://127.0.0.1:5000';
/** How long a gateway may take to answer, in ms, unless the call waits for something. */
const answerTimeoutMs = 10_000;

/** Adds `--url`, `--admin-url`, `--token` and `--json` to a command. */
export function withGatewayOptions(command: Command): Command {
  return command
    .option('--url <url>', `the gateway (RINGPOST_URL; ${defaultUrl})`)
    .option('--admin-url <url>', 'its admin side, if ADMIN_PORT is set (RINGPOST_ADMIN_URL; the same)')
    .option('--token <token>', 'an admin token; better in ADMIN_TOKEN or ADMIN_TOKEN_FILE')
    .option('--json', 'print one JSON document');
}

/** The two sides of a gateway. */
export interface GatewaySides {
  readonly clientSide: RingpostClient;
  readonly adminSide: RingpostClient;
  /** The API of the admin side. */
  readonly operator: OperatorClient;
  /** The page of the admin side for people. */
  readonly dashboard: string;
}

/**
 * @param timeoutMs how long an answer may take, in ms.
 * @returns clients of the gateway that the options and the environment name. Their calls reject with a
 * {@link Failure} if no gateway answers.
 */
export function gatewaySides(
  options: GatewayOptions,
  { settings, faults }: Context,
  timeoutMs = answerTimeoutMs,
): GatewaySides {
  const url = httpUrl('--url', options.url ?? (settings['RINGPOST_URL'] || defaultUrl));
  const adminUrl = httpUrl('--admin-url', options.adminUrl ?? (settings['RINGPOST_ADMIN_URL'] || url));
  const ofToken = faults.filter((fault) => fault.startsWith('ADMIN_TOKEN'));
  if (options.token === undefined && ofToken.length > 0) throw new SettingsError(ofToken);
  const adminToken = options.token ?? firstToken(settings['ADMIN_TOKEN'] ?? '');
  // The token itself is never shown.
  if (adminToken !== undefined && !/^[\u0021-\u007E]+$/.test(adminToken))
    throw usage('the admin token has a space or a character that a header field cannot have');
  const common = adminToken === undefined ? {} : { adminToken };
  return {
    clientSide: new RingpostClient(url, { ...common, fetch: fetchFrom(url, timeoutMs) }),
    adminSide: new RingpostClient(adminUrl, { ...common, fetch: fetchFrom(adminUrl, timeoutMs) }),
    operator: new OperatorClient(adminUrl, { ...common, fetch: fetchFrom(adminUrl, timeoutMs) }),
    dashboard: dashboardOf(adminUrl),
  };
}

/** @param adminUrl the address of the admin side. @returns that of the dashboard. */
export function dashboardOf(adminUrl: string): string {
  return `${adminUrl.replace(/\/$/, '')}/-/`;
}

function httpUrl(option: string, text: string): string {
  const url = URL.parse(text);
  const right = `it must be a URL such as ${defaultUrl}`;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw usage(`${option} is ${JSON.stringify(shownUrl(text) ?? 'not a URL')}; ${right}`);
  if (url.username !== '' || url.password !== '')
    throw usage(`${option} has a user or a password; give the admin token in ADMIN_TOKEN instead`);
  if (url.search !== '' || url.hash !== '') throw usage(`${option} has a query or a fragment; ${right}`);
  return text;
}

function fetchFrom(base: string, timeoutMs: number): Fetch {
  return async (url, init) => {
    let response: Response;
    try {
      response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), ...init });
    } catch (error) {
      throw noAnswer(base, error, timeoutMs);
    }
    // The kept answer of a replica may be anything.
    const type = response.headers.get('content-type') ?? '';
    const isOurs = response.status === 204 || /json|text\/event-stream/.test(type);
    if (!isOurs && !url.endsWith('/reply'))
      throw new Failure(
        'not_ringpost',
        `what answers at ${base} is not a ringpost gateway (status ${response.status}); ` +
          'give the address of one with --url',
        exitCodes.noAnswer,
      );
    return response;
  };
}

function noAnswer(base: string, error: unknown, timeoutMs: number): Failure {
  const isLate = error instanceof DOMException && error.name === 'TimeoutError';
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  const code = cause !== undefined && 'code' in cause ? String(cause.code) : undefined;
  const why =
    code === 'ECONNREFUSED' ? '' : ` (${isLate ? `not within ${timeoutMs} ms` : (code ?? 'it failed')})`;
  return new Failure(
    'no_gateway',
    `no gateway answers at ${base}${why}; start one with \`ringpost start\`, or give its address with --url`,
    exitCodes.noAnswer,
  );
}
