import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { CallbackMacs } from '../../gateway/callbacks/callback-macs.ts';
import { parseOrigin, receiverSecrets } from '../../gateway/callbacks/receiver-keys.ts';
import { parseSecrets, signed } from '../../gateway/callbacks/signature.ts';

const secret = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString('base64')}`;

describe('the keys of a receiver', () => {
  it('are HKDF-SHA-256 of the secret and the origin, as RFC 5869 defines it', () => {
    const [key = ''] = receiverSecrets([secret(1)], 'https://receiver.example');
    // Extract without a salt, then the first block of expand.
    const pseudoRandom = createHmac('sha256', Buffer.alloc(32)).update(Buffer.alloc(32, 1)).digest();
    const info = 'ringpost callback signature v1 https://receiver.example';
    const block = createHmac('sha256', pseudoRandom)
      .update(info)
      .update(Buffer.from([1]))
      .digest();
    expect(key).toBe(`whsec_${block.toString('base64')}`);
    expect(parseSecrets(key).faults).toEqual([]);
  });

  it('are one per secret; each verifies a signature, and the keys of other receivers do not', () => {
    const keys = receiverSecrets([secret(1), secret(2)], 'https://one.example');
    const others = receiverSecrets([secret(1), secret(2)], 'https://two.example');
    const headers = signed(keys, 'id.S1', new Date(), '{}');
    for (const key of keys) expect(new Webhook(key).verify('{}', headers)).toEqual({});
    for (const key of [...others, secret(1), secret(2)]) {
      expect(() => new Webhook(key).verify('{}', headers)).toThrow('No matching signature');
    }
  });

  it.each([
    ['https://receiver.example', 'https://receiver.example'],
    ['HTTPS://Receiver.Example:443/', 'https://receiver.example'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://[::1]:8443', 'https://[::1]:8443'],
    ['https://receiver.example/x', undefined],
    ['https://receiver.example?', undefined],
    ['https://receiver.example#', undefined],
    ['https://user:password@receiver.example', undefined],
    ['ftp://receiver.example', undefined],
    ['data:,x', undefined],
    ['', undefined],
  ])('exist for an origin only: %s', (text, origin) => {
    expect(parseOrigin(text)).toBe(origin);
  });
});

describe('the code of a callback job', () => {
  const macs = new CallbackMacs([secret(1)], 'one');
  const job = { url: 'https://a.example/', failureUrl: 'https://b.example/', deadline: 5, attempts: 0 };
  const written = { ...job, mac: macs.ofJob('id', job) };
  const text = { url: job.url, payload: '{}' };
  const message = { ...text, mac: macs.ofMessage('id', text) };

  it('stays valid when attempts are counted and a message is added', () => {
    expect(macs.verify('id', written)).toBe(true);
    expect(macs.verify('id', { ...written, attempts: 3, message })).toBe(true);
  });

  it.each([
    ['another address', { ...written, url: 'https://c.example/' }],
    ['another address for failures', { ...written, failureUrl: 'https://c.example/' }],
    ['swapped addresses', { ...written, url: job.failureUrl, failureUrl: job.url }],
    ['another deadline', { ...written, deadline: 6 }],
    ['no code', job],
    ['an empty code', { ...written, mac: '' }],
    ['the code of a message', { ...written, mac: message.mac }],
    ['another text in the message', { ...written, message: { ...message, payload: '{"a":1}' } }],
    ['another address in the message', { ...written, message: { ...message, url: 'https://c.example/' } }],
    ['a message without a code', { ...written, message: text }],
  ])('is not valid for a job with %s', (_, data) => {
    expect(macs.verify('id', data)).toBe(false);
  });

  it('is not valid for a missing address, another request or another namespace', () => {
    const { failureUrl: _, ...without } = written;
    expect(macs.verify('id', without)).toBe(false);
    expect(macs.verify('other', written)).toBe(false);
    expect(new CallbackMacs([secret(1)], 'two').verify('id', written)).toBe(false);
  });

  it('is valid for gateways that share a secret and for no others', () => {
    const both = new CallbackMacs([secret(2), secret(1)], 'one');
    expect(both.verify('id', written)).toBe(true);
    expect(macs.verify('id', { ...job, mac: both.ofJob('id', job) })).toBe(true);
    expect(new CallbackMacs([secret(3)], 'one').verify('id', written)).toBe(false);
    expect(new CallbackMacs([], 'one').verify('id', { ...job, mac: '' })).toBe(false);
  });
});
