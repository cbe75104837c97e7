import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { aclRules, redisRights, redisRoles } from '#shared/store/redis/redis-users.ts';
import type { RedisRole } from '#shared/store/redis/redis-users.ts';

const begin = '<!-- redis-users: made by `npm run docs` -->';
const end = '<!-- /redis-users -->';

const namespace = 'ringpost';

/** @returns Markdown with the keys, channels and commands of each role, and its rules for `ACL SETUSER`. */
export function redisUsersText(): string {
  const tables = [
    '| role | keys that it may read and write | keys that it may only read | only write | channels |',
    '|---|---|---|---|---|',
  ];
  for (const role of redisRoles) {
    const { keys, readOnly, writeOnly, channels } = redisRights(role, namespace);
    const cells = [keys, readOnly, writeOnly, channels].map(listed);
    tables.push(`| ${[role, ...cells].join(' | ')} |`);
  }
  const kinds = [
    ...new Set(redisRoles.flatMap((role) => Object.keys(redisRights(role, namespace).commands))),
  ];
  tables.push('', `| commands for | ${redisRoles.join(' | ')} |`, `|---${'|---'.repeat(redisRoles.length)}|`);
  for (const kind of kinds)
    tables.push(`| ${kind} | ${redisRoles.map((role) => commandsOf(role, kind)).join(' | ')} |`);
  const rules = redisRoles.map(
    (role) => `ACL SETUSER ${role} on >${role}-password ${aclRules([role], namespace).join(' ')}`,
  );
  return [...tables, '', '```text', ...rules, '```'].join('\n');
}

function commandsOf(role: RedisRole, kind: string): string {
  return (redisRights(role, namespace).commands[kind] ?? [])
    .map((name) => name.replace('|', ' ').toUpperCase())
    .join(' ');
}

function listed(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(' ');
}

/**
 * @returns the document with its section on Redis users generated from the module that defines their rights.
 */
export function withRedisUsers(document: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from)
    throw new Error(`the document has no place for the users of Redis (${begin} … ${end})`);
  return `${document.slice(0, from)}${begin}\n${redisUsersText()}\n${document.slice(to)}`;
}

/** The document that has the section. */
export const redisUsersFile = new URL('security.md', import.meta.url);

if (import.meta.main && existsSync(redisUsersFile))
  writeFileSync(redisUsersFile, withRedisUsers(readFileSync(redisUsersFile, 'utf8')));
