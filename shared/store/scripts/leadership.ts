import { script } from './script.ts';

/** Takes the leadership if it is free, or renews it if `controller` has it. */
export const lead = script<{ controller: string; leaseMs: number }, string | undefined>({
  file: 'lead',
  keys: ({ leader, fence }) => [leader, fence],
  args: ({ controller, leaseMs }) => [controller, leaseMs],
  // Lua's false arrives as null.
  decode: (reply) => (typeof reply === 'string' ? reply : undefined),
});

/** Gives the leadership up if `token` still has it. */
export const resign = script<{ token: string }, boolean>({
  file: 'resign',
  keys: ({ leader }) => [leader],
  args: ({ token }, { changes }) => [token, changes],
  decode: (reply) => reply === 1,
});
