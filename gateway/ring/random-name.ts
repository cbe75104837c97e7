import { randomInt } from 'node:crypto';

/** @returns a name for a replica that no one has thought of and that fits a container's hostname. */
export function randomName(): string {
  return `S${randomInt(100_000, 1_000_000)}`;
}
