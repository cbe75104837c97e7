import { expect, test } from 'vitest';
import { addressOf, targetNamedIn } from '../suites/port-address.ts';

test('each port and family is encoded in an address', () => {
  for (const port of [1, 80, 255, 256, 40_000, 65_535]) {
    for (const family of [4, 6] as const) {
      const target = { port, family };
      expect(targetNamedIn(`for=${addressOf(target)};proto=http`)).toEqual(target);
    }
  }
});

test('the last address is decoded, since a client may have sent others', () => {
  const first = addressOf({ port: 1000, family: 4 });
  const last = addressOf({ port: 2000, family: 6 });

  expect(targetNamedIn(`for=${first}, for=${last}`)).toEqual({ port: 2000, family: 6 });
});

test('other loopback addresses are not decoded', () => {
  expect(targetNamedIn('for=127.0.0.1, for=127.8.4.1')).toBeUndefined();
});
