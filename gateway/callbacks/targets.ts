import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { BlockList, LookupFunction } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { isIn } from '../edge/subnets.ts';
import { isPublic } from './addresses.ts';
import { NameLookups } from './name-lookups.ts';

/** A callback may not go to its address. The message says which addresses are allowed. */
export class BlockedTargetError extends Error {
  override readonly name = 'BlockedTargetError';
  readonly code = 'target_blocked';
}

/** Why a callback may not go to a target. */
export interface TargetFault {
  /**
   * What is wrong, and what would be right. It names no address, since that could reveal a private DNS to the
   * client.
   */
  readonly detail: string;
  /** The address of the target, for the log. */
  readonly address?: string;
}

/** A name that takes longer to resolve, in ms, is checked only when the callback is sent. */
const resolveTimeoutMs = 2000;
/** The timeout of a connection attempt, in ms. */
const connectTimeoutMs = 5000;

/**
 * Decides where callbacks may go: to public addresses by https, and to the addresses that the setting allows
 * also by http. Otherwise clients could reach through the gateway what only the gateway can reach. A name is
 * resolved when the gateway connects, and the address that was checked is the one it connects to.
 */
export class CallbackTargets {
  readonly #allow: BlockList;
  readonly #lookups = new NameLookups();
  readonly #agents: Readonly<Record<'http:' | 'https:', Agent>>;

  /** @param allow private addresses that callbacks may go to. */
  constructor(allow: BlockList) {
    this.#allow = allow;
    this.#agents = { 'http:': this.#agent('http:'), 'https:': this.#agent('https:') };
  }

  /**
   * @param text the value of a header field.
   * @returns what is wrong with it; undefined if a callback may go there.
   */
  async fault(text: string): Promise<TargetFault | undefined> {
    // A URL has no spaces (RFC 3986). Two URLs that a proxy has joined have one, and would parse as one URL.
    const url = /\s/.test(text) ? null : URL.parse(text);
    if (url === null) return { detail: 'it is not a URL' };
    if (!isScheme(url.protocol)) return { detail: 'it must begin with https:' };
    if (url.username !== '' || url.password !== '')
      return { detail: 'it must have no user and password in it' };
    const { protocol } = url;
    const host = hostOf(url);
    if (isIP(host) !== 0) return this.#faultOf(protocol, host);
    // A name that cannot be resolved now may be resolved when the callback is sent.
    const addresses = await Promise.race([
      this.#lookups.of(host).catch((): LookupAddress[] => []),
      delay(resolveTimeoutMs, []),
    ]);
    return addresses
      .map(({ address }) => this.#faultOf(protocol, address))
      .find((each) => each !== undefined);
  }

  /**
   * @returns the dispatcher that connects to a URL.
   * @throws {BlockedTargetError} if the URL has an address that is not allowed. A name is checked on
   * connecting.
   */
  dispatcherFor(url: URL): Dispatcher {
    const { protocol } = url;
    if (!isScheme(protocol)) throw new BlockedTargetError('it must begin with https:');
    const host = hostOf(url);
    const fault = isIP(host) === 0 ? undefined : this.#faultOf(protocol, host);
    if (fault !== undefined) throw new BlockedTargetError(fault.detail);
    return this.#agents[protocol];
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#agents).map((agent) => agent.destroy()));
  }

  #faultOf(protocol: 'http:' | 'https:', address: string): TargetFault | undefined {
    if (isIn(this.#allow, address)) return undefined;
    if (!isPublic(address)) {
      const detail = 'it leads to what is not a public address and not in the setting CALLBACK_ALLOW';
      return { detail, address };
    }
    return protocol === 'https:' ? undefined : { detail: 'it must begin with https:' };
  }

  #agent(protocol: 'http:' | 'https:'): Agent {
    const checked: LookupFunction = (hostname, options, callback) => {
      this.#checkedAddresses(protocol, hostname).then(
        (addresses) => {
          const [first] = addresses;
          if (options.all === true) callback(null, [...addresses]);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, '', 0),
      );
    };
    return new Agent({
      connect: { lookup: checked, timeout: connectTimeoutMs },
      keepAliveTimeout: 1000,
      maxHeaderSize: 64 * 1024,
    });
  }

  async #checkedAddresses(
    protocol: 'http:' | 'https:',
    host: string,
  ): Promise<readonly [LookupAddress, ...LookupAddress[]]> {
    const [first, ...others] = await this.#lookups.of(host);
    const addresses = first === undefined ? [] : [first, ...others];
    const fault = this.#faultOfAny(protocol, addresses);
    if (first === undefined || fault !== undefined) throw new BlockedTargetError(fault?.detail);
    return [first, ...others];
  }

  #faultOfAny(protocol: 'http:' | 'https:', addresses: readonly LookupAddress[]): TargetFault | undefined {
    for (const { address } of addresses) {
      const fault = this.#faultOf(protocol, address);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}

function isScheme(protocol: string): protocol is 'http:' | 'https:' {
  return protocol === 'https:' || protocol === 'http:';
}

/** Without the brackets of an IPv6 address. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
