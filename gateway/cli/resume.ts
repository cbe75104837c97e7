import type { Command } from 'commander';
import type { Context } from './context.ts';
import { defineAction } from './replica-action.ts';

/** `ringpost resume <names…>`. */
export function define(command: Command, context: Context): void {
  defineAction(
    command,
    context,
    'resume',
    'End a drain or a pause of replicas, or a restart that has not begun.',
    (names) => `Resumed ${names}.`,
  );
}
