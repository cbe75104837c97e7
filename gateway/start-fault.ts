import { safeError } from '#shared/process/safe-error.ts';
import { describe } from '#shared/process/uncaught.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { RedisUnfitError } from '#shared/store/redis/check-redis.ts';
import { RingMismatchError } from '#shared/store/ring/ring-store.ts';
import { SettingsDifferError } from './ring/agreement.ts';

/** @returns one sentence for a fault that the user can correct; any other is a bug and shows its stack. */
export function explainFault(error: unknown): string {
  if (
    error instanceof SettingsError ||
    error instanceof RedisUnfitError ||
    error instanceof RingMismatchError ||
    error instanceof SettingsDifferError
  ) {
    return error.message;
  }
  const { code, message } = safeError(error);
  if (code === 'EADDRINUSE') return `The port is taken: ${message}. Set PORT (or ADMIN_PORT) to a free one.`;
  return code === undefined ? describe(error) : message;
}
