import { randomInt } from 'node:crypto';

/** @returns a random replica name that fits a container's hostname. */
export function randomName(): string {
  return `S${randomInt(100_000, 1_000_000)}`;
}
