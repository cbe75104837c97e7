import { describe, expect, it } from 'vitest';
import { safeError, safeMessage, safeText } from '#shared/process/safe-error.ts';

const secret = 'topsecret';

/** @returns what a function throws. */
function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('it threw nothing');
}

describe('safeError', () => {
  it('keeps type, message, stack and code, and nothing else', () => {
    const error = Object.assign(new TypeError('READONLY no writes'), {
      code: 'EREADONLY',
      command: { name: 'set', args: [secret] },
      config: { headers: { authorization: secret } },
      body: secret,
    });
    const safe = safeError(error);
    expect(Object.keys(safe)).toEqual(['type', 'message', 'stack', 'code']);
    expect(safe).toMatchObject({ type: 'TypeError', message: 'READONLY no writes', code: 'EREADONLY' });
    expect(safe.stack).toMatch(/^TypeError: READONLY no writes\n {4}at .*safe-error\.test\.ts/);
    expect(JSON.stringify(safe)).not.toContain(secret);
  });

  it('treats causes and the errors of an AggregateError the same way', () => {
    const inner = Object.assign(new Error('inner'), { args: secret });
    const safe = safeError(new AggregateError([inner], 'outer', { cause: inner }));
    expect(safe).toMatchObject({
      message: 'outer',
      cause: { message: 'inner' },
      errors: [{ message: 'inner' }],
    });
    expect(JSON.stringify(safe)).not.toContain(secret);
  });

  it('ends if causes form a cycle or cannot be read', () => {
    const cyclic = new Error('cyclic');
    cyclic.cause = cyclic;
    expect(safeError(cyclic).message).toBe('cyclic');
    const odd = new Error('odd');
    for (const name of ['message', 'stack', 'cause', 'code']) {
      Object.defineProperty(odd, name, {
        get: () => {
          throw new Error('reading is not allowed');
        },
      });
    }
    expect(safeError(odd)).toEqual({ type: 'Error', message: 'an error that cannot be read', stack: '' });
  });

  it.each([
    ['an object', { body: secret }, 'a thrown value of type Object'],
    ['a request', new Request(`http://h/?q=${secret}`), 'a thrown value of type Request'],
    ['a list', [secret], 'a thrown value of type Array'],
    ['undefined', undefined, 'a thrown value of type undefined'],
    [
      'an object without a prototype',
      Object.assign(Object.create(null), { secret }),
      'an error that cannot be read',
    ],
    ['a text', 'not today', 'not today'],
  ])('shows of %s only its type, or the text', (_, thrown, message) => {
    const safe = safeError(thrown);
    expect(safe.message).toBe(message);
    expect(JSON.stringify(safe)).not.toContain(secret);
  });

  it('does not mistake a line of the message for a stack frame', () => {
    const error = new Error(`no word in JSON at position 3\n    at ${secret}\n    at ${secret}`);
    expect(JSON.stringify(safeError(error))).not.toContain(secret);
  });
});

describe('a message that a library made from its input', () => {
  it.each<[string, () => unknown]>([
    ['text that is not JSON', () => JSON.parse(secret)],
    ['long text that is not JSON', () => JSON.parse(`{"password": "${secret}" ${'x'.repeat(200)}`)],
    ['a header field', () => new Headers({ authorization: `${secret}\n${secret.repeat(500)}` })],
    ['the name of a header field', () => new Headers({ [`${secret} x`]: 'y' })],
    ['a URL', () => new Request(`http://[?q=${secret}`)],
    ['an expression', () => new RegExp(`(${secret}`)],
    ['a number', () => BigInt(secret)],
    ['an argument', () => Buffer.alloc(secret as unknown as number)],
    ['a type', () => new URLSearchParams([[secret]])],
  ])('does not show %s', (_, act) => {
    const safe = safeError(thrownBy(act));
    expect(JSON.stringify(safe)).not.toContain(secret);
  });

  it.each([
    `ERR unknown command 'FOO', with args beginning with: '${secret}' 'b' `,
    `Command queue state error. If you can reproduce this, please report it. Last reply: ${secret}`,
    `The argument 'path' must be a string. Received '${secret}'`,
    `Request to https://app:${secret}@host/path?token=${secret}#${secret} failed`,
    `connect failed (redis://:${secret}/x@host:1)`,
    `Unexpected token '${secret[0]}', "${secret}\n" is not valid JSON`,
  ])('does not show %j', (message) => {
    expect(safeText(message)).not.toContain(secret);
  });

  it.each([
    'connect ECONNREFUSED 127.0.0.1:6379',
    "OOM command not allowed when used memory > 'maxmemory'.",
    'WRONGPASS invalid username-password pair or user is disabled.',
    "Cannot read properties of undefined (reading 'length')",
    "Cannot find module '/app/handler.ts' imported from file:///app/worker/handlers/module.ts",
    'HANDLER ./x.ts: there is no file /app/x.ts',
  ])('is unchanged: %j', (message) => {
    expect(safeMessage(new Error(message))).toBe(message);
  });

  it('shows the origin of a URL without user and query', () => {
    expect(safeText('POST https://app:pw@host:8080/hooks?x=1 failed')).toBe(
      'POST https://***@host:8080 failed',
    );
  });
});
