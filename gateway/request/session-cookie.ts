/**
 * The cookie of people who are signed in to the dashboard. Its name ends with the port of the page, because
 * cookies ignore ports: systems on one host would otherwise replace each other's cookies.
 */
const prefix = 'ringpost_session_';

/** @param port of the page's origin. @returns the name of the cookie. */
export function sessionCookie(port: string): string {
  return `${prefix}${port}`;
}

/**
 * Removes the cookies of the dashboard, for whatever port, from a request that goes to a replica.
 * @param field the value of a `Cookie` field.
 * @returns the same text if there is no such cookie; undefined if there is no other one.
 */
export function withoutSession(field: string): string | undefined {
  if (!field.includes(prefix)) return field;
  const others = field.split(';').filter((pair) => !/^[ \t]*ringpost_session_/.test(pair));
  const left = others.join(';').replace(/^[ \t]+/, '');
  return left === '' ? undefined : left;
}
