/** The first two parts of the loopback addresses that stand for ports. */
const net = '127.80';

/** @returns the loopback address that stands for a port: 127.80 and the port's two bytes. */
export function addressOfPort(port: number): string {
  return `${net}.${port >> 8}.${port & 255}`;
}

/** @returns the port that the last such address in a text stands for; undefined if there is none. */
export function portNamedIn(text: string): number | undefined {
  const [, high, low] = [...text.matchAll(/\b127\.80\.(\d{1,3})\.(\d{1,3})\b/g)].at(-1) ?? [];
  return high === undefined ? undefined : (Number(high) << 8) | Number(low);
}
