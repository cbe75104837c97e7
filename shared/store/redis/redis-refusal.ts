const advice = 'docs/security.md lists the rights that each role needs';

/** How Redis 7.0 and later ones, and Valkey, tell that a user may not do something, directly and in a script. */
const forms: readonly (readonly [pattern: RegExp, what: (command: string) => string])[] = [
  [/^(?:ERR|NOPERM) .*user executing the script can't run/, () => 'may not run a command of a script'],
  [/^(?:ERR|NOPERM) .*user executing the script can't publish/, () => 'may not use a channel of a script'],
  [/^(?:ERR|NOPERM) .*user executing the script/, () => 'may not use a key of a script'],
  [/^NOPERM .*permissions to run the '([^']+)' command/, (command) => `may not run ${command}`],
  [/^NOPERM .*channel/, (command) => `may not use a channel that ${command} names`],
  [/^NOPERM .*key/, (command) => `may not use a key that ${command} names`],
  [/^NOPERM /, (command) => `may not do what ${command} asks for`],
];

/**
 * @param error as Redis has answered.
 * @param user of the connection.
 * @returns one sentence if Redis refuses this to the user, or refuses the user; undefined for other errors.
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

/** @returns the user of a URL of Redis. */
export function userOf(url: string): string {
  const { username } = URL.canParse(url) ? new URL(url) : { username: '' };
  return username === '' ? 'default' : decodeURIComponent(username);
}

/** @returns the name of the command that ioredis has put beside its error. */
function commandOf(error: Error): string | undefined {
  const { command } = error as { readonly command?: { readonly name?: unknown } };
  return typeof command?.name === 'string' ? command.name : undefined;
}
