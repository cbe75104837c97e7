import type { Reason } from './reason.ts';

/** The reasons of all differences, by the suite's name. */
export const reasons: Readonly<Record<string, readonly Reason[]>> = {};
