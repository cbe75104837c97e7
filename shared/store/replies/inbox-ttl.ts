/** An inbox expires after this time in ms if its gateway no longer reads it. */
export const inboxTtlMs = 60_000;
