import { addressText, parseRedisUrl } from './redis-url.ts';

/**
 * Reduces a URL to what may be shown: scheme, host, port and database number. User and password become `***`,
 * and the query is left out.
 * @returns undefined if the result could contain a part of a password: the text is not a URL, or an `@` after
 * the host shows that the password contains an unescaped `/`, `?` or `#`.
 */
export function shownUrl(text: string): string | undefined {
  if (/^rediss?\+/.test(text)) return shownRedisUrl(text);
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, host, pathname, search, hash } = new URL(text);
  if (host === '' || `${pathname}${search}${hash}`.includes('@')) return undefined;
  const user = username === '' && password === '' ? '' : '***@';
  return `${protocol}//${user}${host}${/^\/\d{1,5}$/.test(pathname) ? pathname : ''}`;
}

/** A URL of several servers has no form that `URL` can read. */
function shownRedisUrl(text: string): string | undefined {
  const parsed = parseRedisUrl(text);
  if ('fault' in parsed) return undefined;
  const { place, login, database } = parsed;
  const user = login.user === '' && login.password === '' ? '' : '***@';
  const begin = `${text.slice(0, text.indexOf(':'))}://${user}`;
  const end = database === 0 ? '' : `/${database}`;
  if (place.kind === 'unix') return `${begin}${place.path}`;
  const hosts = place.addresses.map(addressText).join(',');
  return `${begin}${hosts}${place.kind === 'sentinel' ? `/${place.master}` : ''}${end}`;
}
