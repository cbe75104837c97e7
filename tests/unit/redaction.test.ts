import { expect, it } from 'vitest';
import { redact, secretHeaders } from '#shared/contract/redaction.ts';

it('values of secret fields are left out, whatever the case of their names; all else stays as it is', () => {
  const headers = [
    'Host',
    'h',
    'AUTHORIZATION',
    'Bearer t',
    'cookie',
    'a=1',
    'Cookie',
    'b=2',
    'X-Api-Key',
    'k',
    'authorization-hint',
    'x',
  ];
  expect(redact(headers, secretHeaders(' x-API-key ,'))).toEqual([
    'Host',
    'h',
    'AUTHORIZATION',
    '[redacted]',
    'cookie',
    '[redacted]',
    'Cookie',
    '[redacted]',
    'X-Api-Key',
    '[redacted]',
    'authorization-hint',
    'x',
  ]);
  expect(redact(['X-Api-Key', 'k', 'Set-Cookie', 'c'], secretHeaders(undefined))).toEqual([
    'X-Api-Key',
    'k',
    'Set-Cookie',
    '[redacted]',
  ]);
  // A value that is called like a field is none.
  expect(redact(['x', 'cookie'], secretHeaders(undefined))).toEqual(['x', 'cookie']);
});
