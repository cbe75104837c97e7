import { parseRedisUrl } from '../../process/redis-url.ts';

const advice = 'docs/security.md lists the rights that each role needs';

/** The errors with which Redis from 7.0 to 8 and Valkey refuse a command, directly and in a script. */
const forms: readonly (readonly [pattern: RegExp, what: (command: string) => string])[] = [
  [/^(?:ERR|NOPERM) .*user executing the script can't run/, () => 'may not run a command of a script'],
  [/^(?:ERR|NOPERM) .*user executing the script can't publish/, () => 'may not use a channel of a script'],
  [/^(?:ERR|NOPERM) .*user executing the script/, () => 'may not use a key of a script'],
  // Redis 7.2 and later, Valkey.
  [
    /^ERR ACL failure in script: .*permissions to run the '([^']+)' command/,
    (command) => `may not run ${command} in a script`,
  ],
  [/^ERR ACL failure in script: .*channel/, () => 'may not use a channel of a script'],
  [/^ERR ACL failure in script/, () => 'may not use a key of a script'],
  [/^NOPERM .*permissions to run the '([^']+)' command/, (command) => `may not run ${command}`],
  [/^NOPERM .*channel/, (command) => `may not use a channel that ${command} names`],
  [/^NOPERM .*key/, (command) => `may not use a key that ${command} names`],
  [/^NOPERM /, (command) => `may not do what ${command} asks for`],
];

/**
 * @param error the error with which Redis answered.
 * @param user the user of the connection.
 * @returns one sentence if Redis refuses the command or the user; undefined for other errors.
 */
export function refusalOf(error: unknown, user: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { message } = error;
  if (message.startsWith('WRONGPASS'))
    return `Redis knows no user ${user} with this password, or the user is off`;
  if (message.startsWith('NOAUTH')) return 'Redis asks for a user and a password; the URL of Redis has none';
  for (const [pattern, what] of forms) {
    const found = pattern.exec(message);
    if (found === null) continue;
    const command = (found[1] ?? commandOf(error) ?? 'a command').replace('|', ' ').toUpperCase();
    return `The Redis user ${user} ${what(command)}; ${advice}`;
  }
  return undefined;
}

/** @returns the user in a Redis URL. */
export function userOf(url: string): string {
  const parsed = parseRedisUrl(url);
  return 'fault' in parsed || parsed.login.user === '' ? 'default' : parsed.login.user;
}

/** @returns the name of the command, which ioredis adds to the error. */
function commandOf(error: Error): string | undefined {
  const { command } = error as { readonly command?: { readonly name?: unknown } };
  return typeof command?.name === 'string' ? command.name : undefined;
}
