import { describe, expect, it } from 'vitest';
import { createAdminGuard } from '../../gateway/admin-guard.ts';

const needsToken = {
  status: 401,
  message: 'the call needs the header Authorization: Bearer <ADMIN_TOKEN>',
};

describe('without a token and not closed', () => {
  it.each([undefined, '', 'Bearer x', 'nonsense'])('allows %j', (authorization) => {
    expect(createAdminGuard(undefined, undefined)(authorization)).toBeUndefined();
  });
});

describe('closed', () => {
  it.each([undefined, 'Bearer secret'])(
    'refuses with the reason, whatever is presented: %j',
    (authorization) => {
      const guard = createAdminGuard(undefined, 'HOST is 0.0.0.0');
      expect(guard(authorization)).toEqual({ status: 403, message: 'HOST is 0.0.0.0' });
    },
  );
});

describe('with a token', () => {
  const guard = createAdminGuard('s3cret token', undefined);

  it.each(['Bearer s3cret token', 'bearer s3cret token', 'BEARER   s3cret token'])(
    'allows the right one in any case of the scheme: %j',
    (authorization) => {
      expect(guard(authorization)).toBeUndefined();
    },
  );

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer s3cret',
    'Bearer s3cret tokens',
    'Bearer S3CRET TOKEN',
    'Bearer s3cret token ',
    'Bearer "s3cret token"',
    's3cret token',
    'Bearers3cret token',
    'Basic s3cret token',
    'Basic Bearer s3cret token',
    'xBearer s3cret token',
    `Bearer ${'x'.repeat(10_000)}`,
  ])('refuses what is missing, wrong, or not a bearer token: %j', (authorization) => {
    expect(guard(authorization)).toEqual(needsToken);
  });

  it('allows a token beyond ASCII as Node hands over its UTF-8 bytes', () => {
    const beyond = createAdminGuard('pässword€', undefined);
    const asNodeReadsIt = Buffer.from('Bearer pässword€', 'utf8').toString('latin1');
    expect(beyond(asNodeReadsIt)).toBeUndefined();
    expect(beyond('Bearer passwort')).toEqual(needsToken);
  });
});
