const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** @returns whether a host is this machine alone. */
export function isLoopback(host: string): boolean {
  return loopback.test(host);
}
