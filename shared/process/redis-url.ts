import { isIPv6 } from 'node:net';

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The files for TLS, in PEM. */
export interface TlsFiles {
  /** Of the authority that signed the server's certificate; undefined: one of those that Node.js knows. */
  readonly ca: string | undefined;
  /** The client's certificate and its key. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The name in the server's certificate, if it is not the host of the URL. */
  readonly servername: string | undefined;
}

interface Login {
  readonly user: string;
  readonly password: string;
}

/** Which Redis a URL names. */
export type RedisPlace =
  | { readonly kind: 'server'; readonly addresses: readonly [Address] }
  | { readonly kind: 'unix'; readonly path: string }
  /** The master that sentinels know by this name. */
  | {
      readonly kind: 'sentinel';
      readonly addresses: readonly Address[];
      readonly master: string;
      /** What the sentinels ask for, if they ask. */
      readonly login: Login;
      /** Whether the sentinels use TLS. */
      readonly tls: boolean;
    }
  /** The master of the slot of the namespace, as these nodes of a Cluster know it. */
  | { readonly kind: 'cluster'; readonly addresses: readonly Address[] };

/** What a URL of Redis says. */
export interface RedisUrl {
  readonly place: RedisPlace;
  /** An empty user is `default`. */
  readonly login: Login;
  /** Undefined: without TLS. */
  readonly tls: TlsFiles | undefined;
  readonly database: number;
  /** The version of IP that a name is resolved to; 0: any. */
  readonly family: number;
}

/** How `REDIS_URL` begins. */
export const redisUrlPattern = '^rediss?(\\+(sentinel|cluster|unix))?://.+';

/** What is wrong with a text that is no URL of Redis. */
export const notARedisUrl =
  'is not a URL such as redis://user:password@127.0.0.1:6379; ' +
  'in a password, @ is written %40, / %2F, ? %3F and # %23';

const form = new RegExp(
  String.raw`^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster|unix))?://` +
    String.raw`(?:(?<login>[^@/?#]*)@)?(?<hosts>[^@/?#]*)(?<path>/[^@?#]*)?(?:\?(?<query>[^@#?]*))?$`,
);
const tlsParameters = ['ca', 'cert', 'key', 'servername'];
const sentinelParameters = ['sentinelUser', 'sentinelPassword', 'sentinelTls'];

class Fault extends Error {}

/** @returns what a URL of Redis says, or a sentence without a subject that says what is wrong with it. */
export function parseRedisUrl(text: string): RedisUrl | { readonly fault: string } {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message };
    // A percent sign that encodes nothing.
    return { fault: notARedisUrl };
  }
}

/**
 * @returns what the URL says.
 * @throws {TypeError} if it is malformed. The settings were checked before.
 */
export function redisUrlOf(text: string): RedisUrl {
  const parsed = parseRedisUrl(text);
  if ('fault' in parsed) throw new TypeError(`the URL of Redis ${parsed.fault}`);
  return parsed;
}

function parse(text: string): RedisUrl {
  const { groups } = form.exec(text) ?? {};
  if (groups === undefined) throw new Fault(notARedisUrl);
  const { scheme = '', kind = 'server', login = '', hosts = '', path = '', query = '' } = groups;
  const parameters = new URLSearchParams(query);
  const isTls = scheme === 'rediss';
  checkParameters(parameters, kind, isTls);
  const common = { login: loginIn(login), tls: isTls ? tlsIn(parameters) : undefined };
  const family = numberIn(parameters.get('family') ?? '', [4, 6]);
  const place = placeOf(kind, hosts, path, parameters, isTls);
  const [, database = ''] = kind === 'unix' ? [] : path.split('/').slice(kind === 'sentinel' ? 1 : 0);
  const last = database === '' ? (parameters.get('db') ?? '') : database;
  if (!/^\d{0,5}$/.test(last)) throw new Fault(notARedisUrl);
  if (kind === 'cluster' && Number(last) !== 0) throw new Fault('names a database, but a Cluster has only 0');
  return { ...common, place, database: Number(last), family };
}

function placeOf(
  kind: string,
  hosts: string,
  path: string,
  parameters: URLSearchParams,
  isTls: boolean,
): RedisPlace {
  const parts = path.split('/').slice(1);
  switch (kind) {
    case 'unix':
      if (hosts !== '' || path.length < 2)
        throw new Fault('is not a URL such as redis+unix:///run/redis/redis.sock; the path begins with /');
      return { kind, path: decodeURIComponent(path) };
    case 'sentinel': {
      const [master = '', , ...rest] = parts;
      if (!/^[A-Za-z0-9._-]+$/.test(master) || rest.length > 0)
        throw new Fault(
          'does not say which master; write redis+sentinel://host1,host2,host3/name with its name',
        );
      const user = parameters.get('sentinelUser') ?? '';
      const login = { user, password: parameters.get('sentinelPassword') ?? '' };
      const tls = isTls && parameters.get('sentinelTls') !== 'no';
      return { kind, addresses: addressesIn(hosts, 26_379), master, login, tls };
    }
    case 'cluster':
      if (parts.length > 1) throw new Fault(notARedisUrl);
      return { kind, addresses: addressesIn(hosts, 6379) };
    default: {
      const [address, ...more] = addressesIn(hosts, 6379);
      if (address === undefined || parts.length > 1) throw new Fault(notARedisUrl);
      if (more.length > 0)
        throw new Fault('has several hosts; only redis+sentinel:// and redis+cluster:// take several');
      return { kind: 'server', addresses: [address] };
    }
  }
}

function addressesIn(text: string, defaultPort: number): Address[] {
  return text.split(',').map((each) => {
    const [, bracketed, name = bracketed ?? '', port = ''] =
      /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(each) ?? [];
    const isHost = bracketed === undefined ? /^[A-Za-z0-9._-]+$/.test(name) : isIPv6(bracketed);
    if (!isHost || Number(port) > 65_535) throw new Fault(notARedisUrl);
    return { host: name, port: port === '' ? defaultPort : Number(port) };
  });
}

function loginIn(text: string): Login {
  const at = text.indexOf(':');
  if (at < 0) return { user: decodeURIComponent(text), password: '' };
  return { user: decodeURIComponent(text.slice(0, at)), password: decodeURIComponent(text.slice(at + 1)) };
}

function tlsIn(parameters: URLSearchParams): TlsFiles {
  const of = (name: string): string | undefined => parameters.get(name) ?? undefined;
  return { ca: of('ca'), cert: of('cert'), key: of('key'), servername: of('servername') };
}

function checkParameters(parameters: URLSearchParams, kind: string, isTls: boolean): void {
  const known = [
    'db',
    'family',
    ...(isTls ? tlsParameters : []),
    ...(kind === 'sentinel' ? sentinelParameters : []),
  ];
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    if (tlsParameters.includes(name)) throw new Fault(`has the parameter ${name}, which needs rediss`);
    // An unknown name may be a part of a password.
    throw new Fault(`has a parameter that is none of ${known.join(', ')}`);
  }
  if (parameters.has('cert') !== parameters.has('key'))
    throw new Fault('has one of the parameters cert and key; a client certificate needs both');
  if (isTls && kind === 'unix') throw new Fault('asks for TLS over a unix socket; write redis+unix://');
}

function numberIn(text: string, allowed: readonly number[]): number {
  if (text === '') return 0;
  if (!allowed.includes(Number(text))) throw new Fault(`has the parameter family, which is not 4 or 6`);
  return Number(text);
}

/** @returns a host and a port as one text. */
export function addressText({ host, port }: Address): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
