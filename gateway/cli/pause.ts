import type { Command } from 'commander';
import type { Context } from './context.ts';
import { defineAction } from './replica-action.ts';

/** `ringpost pause <names…>`. */
export function define(command: Command, context: Context): void {
  defineAction(
    command,
    context,
    'pause',
    'Let the requests of replicas wait, until their deadlines or `ringpost resume`. What runs goes on.',
    (names) => `Paused ${names}: requests wait there. \`ringpost resume\` ends it.`,
  );
}
