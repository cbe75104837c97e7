/** Where a server of a suite listens. */
export interface Target {
  readonly port: number;
  readonly family: 4 | 6;
}

/**
 * @returns the loopback address that encodes a target: 127.84 or 127.86 by family, then the port's two bytes.
 */
export function addressOf({ port, family }: Target): string {
  return `127.8${family}.${port >> 8}.${port & 255}`;
}

/** @returns the target that the last such address in a text encodes; undefined if there is none. */
export function targetNamedIn(text: string): Target | undefined {
  const matches = [...text.matchAll(/\b127\.8([46])\.(\d{1,3})\.(\d{1,3})\b/g)];
  const [, family, high, low] = matches.at(-1) ?? [];
  if (family === undefined) return undefined;
  return { port: (Number(high) << 8) | Number(low), family: family === '6' ? 6 : 4 };
}
