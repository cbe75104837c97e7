import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { parseSecrets, signed } from '../../gateway/callbacks/signature.ts';

const secret = (fill: number, bytes = 32): string => `whsec_${Buffer.alloc(bytes, fill).toString('base64')}`;

describe('parseSecrets', () => {
  it('reads one secret, or several separated by commas', () => {
    expect(parseSecrets('')).toEqual({ secrets: [], faults: [] });
    expect(parseSecrets(`${secret(1)}, ${secret(2)},`)).toEqual({
      secrets: [secret(1), secret(2)],
      faults: [],
    });
  });

  it.each([['hunter22'], ['whsec_'], ['whsec_not base64'], [secret(1, 23)], [secret(1, 65)]])(
    'refuses %s, and does not repeat it',
    (bad) => {
      const { faults } = parseSecrets(`${secret(1)},${bad}`);
      expect(faults).toHaveLength(1);
      expect(faults[0]).toContain('at place 2');
      expect(faults[0]).toContain('openssl rand -base64 32');
      if (bad !== 'whsec_') expect(faults[0]).not.toContain(bad);
    },
  );
});

describe('signed', () => {
  it('makes a signature that each of the secrets verifies, and no other', () => {
    const payload = JSON.stringify({ type: 'request.done', text: 'grüße' });
    const headers = signed([secret(1), secret(2)], 'id.S1', new Date(), payload);
    for (const fill of [1, 2])
      expect(new Webhook(secret(fill)).verify(payload, headers)).toEqual(JSON.parse(payload));
    expect(() => new Webhook(secret(3)).verify(payload, headers)).toThrow('No matching signature');
    expect(() => new Webhook(secret(1)).verify(`${payload} `, headers)).toThrow('No matching signature');
  });
});
