import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyPatternsBesideRing } from '#shared/store/keys/key-patterns.ts';
import { createKeys } from '#shared/store/keys/keys.ts';
import { refusalOf, userOf } from '#shared/store/redis/redis-refusal.ts';
import { aclFile, aclRules, redisRights, redisRoles, urlOfUser } from '#shared/store/redis/redis-users.ts';
import { replicaNamePattern } from '#shared/contract/replica-name.ts';
import { redisUsersText, withRedisUsers } from '../../docs/redis-users.ts';
import { passwordIn, secretFiles } from '../../gateway/redis/service-secrets.ts';

const namespace = 'ringpost';
const keys = createKeys(namespace);

/** @returns a Redis pattern as a regular expression. Of its wildcards, ours use only classes and stars. */
function matcher(pattern: string): RegExp {
  const source = pattern
    .split(/(\[[^\]]+\]|\*)/)
    .map((part) => {
      if (part === '*') return '[^]*';
      return part.startsWith('[') ? part : part.replaceAll(/[{}+.]/g, String.raw`\$&`);
    })
    .join('');
  return new RegExp(`^${source}$`);
}

const patterns = keyPatternsBesideRing(namespace).map(matcher);
const isWorkers = (key: string): boolean => patterns.some((pattern) => pattern.test(key));

describe('the keys of a worker', () => {
  it('are the keys of every replica, whatever its name, and none of the ring', () => {
    fc.assert(
      fc.property(fc.stringMatching(replicaNamePattern), fc.string(), (name, rest) => {
        fc.pre(name !== 'ring');
        expect(isWorkers(`${keys.replica(name)}:${rest}`)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (rest) => {
        expect(isWorkers(`${namespace}:{ring}${rest}`)).toBe(false);
      }),
    );
    expect([keys.desired, keys.configKey, keys.idempotency('x'), keys.wake('g')].filter(isWorkers)).toEqual(
      [],
    );
    expect([keys.line('x'), keys.deadLetters, keys.deadLetter('x')].every(isWorkers)).toBe(true);
  });
});

describe('the commands of the roles', () => {
  it("include all that ringpost's Lua scripts call", () => {
    const folder = new URL('../../shared/store/scripts/', import.meta.url);
    const called = readdirSync(folder)
      .filter((file) => file.endsWith('.lua'))
      .flatMap((file) => {
        const calls = readFileSync(new URL(file, folder), 'utf8').matchAll(
          /call\(\s*'([A-Z]+)'|pcall, '([A-Z]+)'/g,
        );
        return Array.from(calls, ([, direct, indirect]) => (direct ?? indirect ?? '').toLowerCase());
      });
    const known = new Set(
      redisRoles.flatMap((role) => Object.values(redisRights(role, namespace).commands).flat()),
    );
    expect(called.length).toBeGreaterThan(100);
    expect([...new Set(called)].filter((name) => !known.has(name))).toEqual([]);
  });

  it('include none for administrators', () => {
    const forbidden =
      /\+(@|acl|config|debug|flush|function|keys$|migrate|module|monitor|replica|save|script|shutdown|swap)/;
    for (const role of redisRoles)
      expect(
        aclRules([role], namespace).filter((rule) => forbidden.test(rule)),
        role,
      ).toEqual([]);
  });

  it('are all listed in the documentation', () => {
    const text = redisUsersText();
    for (const role of redisRoles) expect(text).toContain(aclRules([role], namespace).join(' '));
    const place = '<!-- redis-users: made by `npm run docs` -->';
    const document = `before\n${place}\nold\n<!-- /redis-users -->\nafter\n`;
    expect(withRedisUsers(document)).toBe(`before\n${place}\n${text}\n<!-- /redis-users -->\nafter\n`);
    expect(() => withRedisUsers('no place')).toThrow('no place for the users');
  });
});

describe('the files of a compose project', () => {
  const passwords = {
    admin: 'a'.repeat(64),
    gateway: 'b'.repeat(64),
    controller: 'c'.repeat(64),
    worker: 'd'.repeat(64),
  };
  const files = secretFiles(passwords, namespace, 'redis://redis:6379');
  const textOf = (path: string): string => files.find((file) => file.path.join('/') === path)?.text ?? '';

  it('give each service its own URL, and give Redis only digests', () => {
    expect(textOf('gateway/redis-url')).toBe(`redis://gateway:${passwords.gateway}@redis:6379\n`);
    expect(textOf('controller/redis-url')).toBe(`redis://controller:${passwords.controller}@redis:6379\n`);
    expect(textOf('controller/worker-redis-url')).toBe(`redis://worker:${passwords.worker}@redis:6379\n`);
    const users = textOf('redis/users.acl');
    for (const password of Object.values(passwords)) {
      expect(users).not.toContain(password);
      expect(users).toContain(`#${createHash('sha256').update(password).digest('hex')}`);
    }
    expect(users).toMatch(/^user default off resetpass ~\* &\* \+@all$/m);
    expect(users).toMatch(/^user health on nopass -@all \+ping$/m);
  });

  it('are read back for their passwords, but not if their content was replaced', () => {
    expect(passwordIn(textOf('gateway/redis-url'))).toBe(passwords.gateway);
    expect(passwordIn(textOf('redis/admin-password'))).toBe(passwords.admin);
    expect(['', 'secret', 'redis://redis:6379', `redis://gateway:short@redis`].map(passwordIn)).toEqual(
      Array.from({ length: 4 }, () => undefined),
    );
  });
});

it('a user without a password accepts any password', () => {
  expect(aclFile([{ name: 'u', passwordSha256: undefined, rules: ['+ping'] }])).toMatch(
    /^user u on nopass \+ping$/m,
  );
});

describe('a refusal by Redis', () => {
  const advice = 'docs/security.md lists the rights that each role needs';
  const textFor = (message: string, name?: string): string | undefined =>
    refusalOf(
      Object.assign(new Error(message), name === undefined ? {} : { command: { name, args: ['secret'] } }),
      'w',
    );

  it.each([
    [
      "NOPERM this user has no permissions to run the 'config|get' command",
      undefined,
      'may not run CONFIG GET',
    ],
    ["NOPERM User w has no permissions to run the 'del' command", 'del', 'may not run DEL'],
    [
      'NOPERM this user has no permissions to access one of the keys used as arguments',
      'hset',
      'may not use a key that HSET names',
    ],
    ['NOPERM No permissions to access a key', 'hset', 'may not use a key that HSET names'],
    ['NOPERM No permissions to access a channel', 'publish', 'may not use a channel that PUBLISH names'],
    [
      "ERR The user executing the script can't run this command or subcommand script: x",
      'evalsha',
      'may not run a command of a script',
    ],
    [
      "NOPERM The user executing the script can't access at least one of the keys",
      'eval',
      'may not use a key of a script',
    ],
    [
      "ERR ACL failure in script: User w has no permissions to run the 'del' command script: x",
      'evalsha',
      'may not run DEL in a script',
    ],
    [
      'ERR ACL failure in script: No permissions to access a channel script: x',
      'evalsha',
      'may not use a channel of a script',
    ],
    [
      'ERR ACL failure in script: No permissions to access a key script: x',
      'evalsha',
      'may not use a key of a script',
    ],
  ])('is explained with the user and the command: %s', (message, command, text) => {
    expect(textFor(message, command)).toBe(`The Redis user w ${text}; ${advice}`);
  });

  it('of a user is explained too, and other errors are not', () => {
    expect(textFor('WRONGPASS invalid username-password pair or user is disabled.')).toContain(
      'knows no user w',
    );
    expect(textFor('NOAUTH Authentication required.')).toContain('asks for a user and a password');
    expect(textFor('WRONGTYPE Operation against a key')).toBeUndefined();
    expect(refusalOf('no error', 'w')).toBeUndefined();
  });

  it('is about the user in the URL', () => {
    expect(userOf('redis://127.0.0.1:6379')).toBe('default');
    expect(userOf('redis://:password@127.0.0.1')).toBe('default');
    expect(userOf(urlOfUser('redis://:old@127.0.0.1/2', 'a b', 'p@/?#'))).toBe('a b');
  });
});
