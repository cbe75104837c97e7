import { isLoopback } from '../edge/loopback.ts';
import { parseTokens } from './tokens.ts';
import type { Token } from './tokens.ts';

/** Where the admin side is, and which calls it admits. */
export interface AdminSettings {
  /** The port of its own listener; undefined if it is on the data port. */
  readonly port: number | undefined;
  /** The address of its own listener. */
  readonly host: string;
  /** Tokens that open all of it. If there are none, the rules for calls without a token apply. */
  readonly tokens: readonly Token[];
  /** Tokens that only open metadata, for reading. */
  readonly viewTokens: readonly Token[];
  /** Why all calls without a token are refused; undefined if they are not. */
  readonly closed: string | undefined;
  /** The network is trusted (`ADMIN_AUTH=none`). */
  readonly trusted: boolean;
  /** Lower-case names that `Host` may contain, besides `localhost` and IP addresses. */
  readonly hosts: ReadonlySet<string>;
}

/** The settings from which these are made. */
interface Values {
  readonly HOST: string;
  readonly PORT: number;
  readonly ADMIN_TOKEN: string | undefined;
  readonly VIEW_TOKEN: string | undefined;
  readonly ADMIN_AUTH: 'none' | undefined;
  readonly ADMIN_HOSTS: string | undefined;
  readonly ADMIN_PORT: number | undefined;
  readonly ADMIN_HOST: string;
}

/**
 * @returns the settings of the admin side, and their faults. If there are any, the settings must not be used.
 */
export function adminSettings(values: Values): { admin: AdminSettings; faults: string[] } {
  const { HOST, PORT, ADMIN_PORT: port, ADMIN_HOST } = values;
  const faults: string[] = [];
  const admins = parseTokens(values.ADMIN_TOKEN ?? '', 'admin');
  const views = parseTokens(values.VIEW_TOKEN ?? '', 'view');
  faults.push(...admins.faults.map((fault) => `ADMIN_TOKEN ${fault}`));
  faults.push(...views.faults.map((fault) => `VIEW_TOKEN ${fault}`));
  if (views.tokens.some(({ digest }) => admins.tokens.some((admin) => admin.digest.equals(digest)))) {
    faults.push('VIEW_TOKEN has a token that ADMIN_TOKEN has too');
  }
  const hosts = (values.ADMIN_HOSTS ?? '').split(',').map((host) => host.trim().toLowerCase());
  const badHost = hosts.find((host) => host !== '' && !/^[a-z0-9_.-]+$/.test(host));
  if (badHost !== undefined) {
    faults.push(`ADMIN_HOSTS has ${JSON.stringify(badHost)}; it must be a name without a port`);
  }
  if (port !== undefined && port !== 0 && port === PORT && HOST === ADMIN_HOST) {
    faults.push(`ADMIN_PORT is ${port}, which PORT is too`);
  }
  const [setting, host] = port === undefined ? ['HOST', HOST] : ['ADMIN_HOST', ADMIN_HOST];
  const trusted = values.ADMIN_AUTH === 'none';
  const open = isLoopback(host) || admins.tokens.length > 0 || trusted;
  const admin = {
    port,
    host: ADMIN_HOST,
    tokens: admins.tokens,
    viewTokens: views.tokens,
    closed: open
      ? undefined
      : `${setting} is ${host}, not loopback: set ADMIN_TOKEN, or ADMIN_AUTH=none ` +
        'where the network is trusted',
    trusted,
    hosts: new Set(hosts.filter((name) => name !== '')),
  };
  return { admin, faults };
}
