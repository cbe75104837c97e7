import { signal } from '@preact/signals';

/** Where in the dashboard the browser is, e.g. `#/requests/<id>`. */
export interface Route {
  /** The parts of the path; empty for the overview. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export const route = signal<Route>(parseHash(location.hash));

addEventListener('hashchange', () => {
  route.value = parseHash(location.hash);
});

/** @param hash as in `location.hash`. */
export function parseHash(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const parts = path.split('/').filter((part) => part !== '');
  return { path: parts.map(decoded), query: new URLSearchParams(query) };
}

/**
 * @param query parameters without a value are left out.
 * @returns the `href` of a page.
 */
export function hrefOf(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

/** Goes to a page. `replace` leaves no step in the history. */
export function goTo(href: string, { replace = false } = {}): void {
  if (!replace) location.hash = href;
  else {
    history.replaceState(null, '', href);
    route.value = parseHash(href);
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
