import { Problem } from '#shared/contract/errors.ts';

/**
 * The longest field that ringpost reads itself, in bytes; the `Prefer` fields count together. Node's values
 * are Latin-1.
 */
export const maxFieldBytes = 8192;

/**
 * @param name of the field, for the error.
 * @throws {Problem} `request_malformed` if the field is too long.
 */
export function checkFieldSize(name: string, bytes: number): void {
  if (bytes <= maxFieldBytes) return;
  throw new Problem('request_malformed', `${name} has ${bytes} bytes; it may have ${maxFieldBytes} at most.`);
}
