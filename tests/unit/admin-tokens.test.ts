import { describe, expect, it } from 'vitest';
import { findToken, parseTokens, presentedDigest } from '../../gateway/admin/tokens.ts';

/** @returns the name of the token that a header presents. */
function nameOf(list: string, authorization: string | undefined): string | undefined {
  const { tokens, faults } = parseTokens(list, 'admin');
  expect(faults).toEqual([]);
  return findToken(tokens, presentedDigest(authorization))?.name;
}

describe('a token', () => {
  const list = 'a s3cret token of mine';

  it.each([
    'Bearer a s3cret token of mine',
    'bearer a s3cret token of mine',
    'BEARER   a s3cret token of mine',
  ])('is recognised whatever the case of the scheme: %j', (authorization) => {
    expect(nameOf(list, authorization)).toBe('admin');
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer a s3cret',
    'Bearer a s3cret token of mines',
    'Bearer A S3CRET TOKEN OF MINE',
    'Bearer a s3cret token of mine ',
    'Bearer "a s3cret token of mine"',
    'a s3cret token of mine',
    'Bearera s3cret token of mine',
    'Basic a s3cret token of mine',
    'Basic Bearer a s3cret token of mine',
    'xBearer a s3cret token of mine',
    `Bearer ${'x'.repeat(10_000)}`,
  ])('is not recognised if it is missing, wrong, or not a bearer token: %j', (authorization) => {
    expect(nameOf(list, authorization)).toBeUndefined();
  });

  it('with characters beyond ASCII is recognised, although Node reads its UTF-8 bytes as latin1', () => {
    const nonAscii = 'ein-pässword-von-mir-€';
    const asNodeReadsIt = Buffer.from(`Bearer ${nonAscii}`, 'utf8').toString('latin1');
    expect(nameOf(nonAscii, asNodeReadsIt)).toBe('admin');
    expect(nameOf(nonAscii, 'Bearer ein-passwort-von-mir')).toBeUndefined();
  });
});

describe('a list of tokens', () => {
  const list = 'ops:0123456789abcdef, ci:fedcba9876543210,0000000000000000';

  it('gives each token its own name', () => {
    expect(nameOf(list, 'Bearer 0123456789abcdef')).toBe('ops');
    expect(nameOf(list, 'Bearer fedcba9876543210')).toBe('ci');
    expect(nameOf(list, 'Bearer 0000000000000000')).toBe('admin');
    expect(nameOf(list, 'Bearer ops:0123456789abcdef')).toBeUndefined();
  });

  it('says which token is too short, without showing it', () => {
    const { tokens, faults } = parseTokens('ops:0123456789abcde,,0123456789abcdef', 'admin');
    expect(tokens.map(({ name }) => name)).toEqual(['admin']);
    expect(faults).toEqual([
      'has a token of fewer than 16 characters at place 1',
      'has a token of fewer than 16 characters at place 2',
    ]);
  });
});
