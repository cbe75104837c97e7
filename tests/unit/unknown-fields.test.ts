import { expect, it } from 'vitest';
import { unknownField } from '../../gateway/dev/unknown-fields.ts';

it.each([
  ['Ringpost-Prioriy', 'Ringpost-Priority'],
  ['ringpost-kye', 'Ringpost-Key'],
  ['RINGPOST-FAILURE-CALBACK', 'Ringpost-Failure-Callback'],
])('the warning of the unknown field %s suggests %s', (name, meant) => {
  expect(unknownField(name)).toBe(
    `${name} is not a field that ringpost reads in a request; did you mean ${meant}?`,
  );
});

it('the warning of a field that is not near any other suggests none', () => {
  expect(unknownField('Ringpost-Tenant')).toBe(
    'Ringpost-Tenant is not a field that ringpost reads in a request',
  );
});
