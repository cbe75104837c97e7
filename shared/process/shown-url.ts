/**
 * What may be shown of a URL: its scheme, host, port and the number of a database. Its user and password are `***`, and
 * its query is left out.
 * @returns undefined if a part of a password could be among that: the text is no URL, or an `@` after the host shows
 * that a password with `/`, `?` or `#` was written as it is.
 */
export function shownUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, host, pathname, search, hash } = new URL(text);
  if (host === '' || `${pathname}${search}${hash}`.includes('@')) return undefined;
  const user = username === '' && password === '' ? '' : '***@';
  return `${protocol}//${user}${host}${/^\/\d{1,5}$/.test(pathname) ? pathname : ''}`;
}
