import type { Server } from 'node:http';
import { nearest } from '#shared/settings/misspelt.ts';
import { requestFields } from '../request/directives.ts';
import type { GatewayConfig } from '../settings/config.ts';

/** Of how many names a warning is given. */
const maxNames = 100;

/**
 * Warns of fields in requests that begin with `Ringpost-`, but mean nothing to ringpost: once for each name.
 * @param server of the clients' listener.
 */
export function warnOfUnknownFields(
  server: Server,
  { hashKey, callerKey }: Pick<GatewayConfig, 'hashKey' | 'callerKey'>,
  warn: (text: string) => void,
): void {
  const sources = [...hashKey, ...callerKey].flatMap((source) => ('name' in source ? [source.name] : []));
  const known = new Set([...requestFields, ...sources.map((name) => name.toLowerCase())]);
  const seen = new Set<string>();
  server.on('request', ({ rawHeaders }) => {
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? '';
      if (!/^ringpost-/i.test(name)) continue;
      const lower = name.toLowerCase();
      if (known.has(lower) || seen.has(lower) || seen.size >= maxNames) continue;
      seen.add(lower);
      warn(unknownField(name));
    }
  });
}

/** @returns one sentence about a field that ringpost does not know, with the one that was probably meant. */
export function unknownField(name: string): string {
  const near = nearest(
    name,
    requestFields.map((field) => field.toUpperCase().replaceAll('-', '_')),
  );
  const meant = near?.replace(/[A-Z]+/g, (word) => `${word.slice(0, 1)}${word.slice(1).toLowerCase()}`);
  const advice = meant === undefined ? '' : `; did you mean ${meant.replaceAll('_', '-')}?`;
  return `${name} is not a field that ringpost reads in a request${advice}`;
}
