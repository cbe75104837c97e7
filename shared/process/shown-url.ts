/**
 * Reduces a URL to what may be shown: scheme, host, port and database number. User and password become `***`,
 * and the query is left out.
 * @returns undefined if the result could contain a part of a password: the text is not a URL, or an `@` after
 * the host shows that the password contains an unescaped `/`, `?` or `#`.
 */
export function shownUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, host, pathname, search, hash } = new URL(text);
  if (host === '' || `${pathname}${search}${hash}`.includes('@')) return undefined;
  const user = username === '' && password === '' ? '' : '***@';
  return `${protocol}//${user}${host}${/^\/\d{1,5}$/.test(pathname) ? pathname : ''}`;
}
