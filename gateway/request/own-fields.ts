import { Problem } from '#shared/contract/errors.ts';

/** Bytes that a field which ringpost itself reads may have, `Prefer` fields together. Node's values are Latin-1. */
export const maxFieldBytes = 8192;

/**
 * @param name of the field, as people write it.
 * @throws {Problem} `request_malformed` if the field is too long to be meant.
 */
export function checkFieldSize(name: string, bytes: number): void {
  if (bytes <= maxFieldBytes) return;
  throw new Problem('request_malformed', `${name} has ${bytes} bytes; it may have ${maxFieldBytes} at most.`);
}
