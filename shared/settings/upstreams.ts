/** The URLs of the servers that replicas forward to: those of UPSTREAM and UPSTREAMS. */

const example = 'it must be a URL such as http://127.0.0.1:3000';

/**
 * @param name what the URL is called in the faults.
 * @returns what is wrong with the URL of a server. No part of it is quoted, since it may have a password.
 */
export function upstreamFaults(name: string, text: string | undefined): string[] {
  if (text === undefined) return [];
  const url = URL.parse(text);
  if (url === null) return [`${name} is not a URL; ${example}`];
  const faults: string[] = [];
  if (url.username !== '' || url.password !== '') {
    faults.push(`${name} has a user or a password, which are not sent to it; ${example}`);
  }
  // An empty query or fragment shows only in the text.
  if (/[?#]/.test(text)) faults.push(`${name} has a query or a fragment; ${example}`);
  return faults;
}

/**
 * @param text the value of UPSTREAMS: URLs separated by commas.
 * @returns the servers in their order, and what is wrong with them. Use them only if there is no fault.
 */
export function parseUpstreams(text: string | undefined): {
  readonly servers: readonly URL[];
  readonly faults: readonly string[];
} {
  if (text === undefined) return { servers: [], faults: [] };
  const entries = text.split(',').map((entry) => entry.trim());
  const faults = entries.flatMap((entry, at) => {
    const name = `UPSTREAMS entry ${at + 1}`;
    if (entry === '') return [`${name} is empty; ${example}`];
    // `URL` also accepts `http:a`, and other protocols.
    return /^https?:\/\/./i.test(entry) ? upstreamFaults(name, entry) : [`${name} is not a URL; ${example}`];
  });
  if (faults.length > 0) return { servers: [], faults };
  const servers = entries.map((entry) => new URL(entry));
  return { servers, faults: repeatedFaults(servers.map(shownUpstream)) };
}

/** @returns the server as it is shown and compared: without the slash at the end of its path. */
export function shownUpstream({ origin, pathname }: URL): string {
  return origin + pathname.replace(/\/+$/, '');
}

function repeatedFaults(shown: readonly string[]): string[] {
  return shown.flatMap((server, at) => {
    const first = shown.indexOf(server);
    return first === at
      ? []
      : [`UPSTREAMS entries ${first + 1} and ${at + 1} are the same server; each replica needs its own`];
  });
}
