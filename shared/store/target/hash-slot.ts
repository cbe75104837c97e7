const slots = 16_384;

/**
 * CRC-16/XMODEM modulo 16384, as the specification of Redis Cluster describes it.
 * @returns the slot of a Cluster that has the keys with this hash tag.
 */
export function hashSlot(tag: string): number {
  let sum = 0;
  for (const byte of Buffer.from(tag)) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) sum = ((sum << 1) ^ (sum & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return sum % slots;
}
