import type { PartedFrame } from '../../contract/frame.ts';
import type { Logger } from '../../process/logger.ts';
import type { Redis } from '../redis/access.ts';
import { pushUncopied } from '../redis/uncopied.ts';
import { inboxTtlMs } from './inbox-ttl.ts';

/** A frame that has to be in an inbox before a script pushes the frame that follows it. */
export interface FrameBefore {
  readonly gateway: string;
  readonly frame: PartedFrame;
}

/**
 * Pushes frames by plain commands. Their bytes are neither copied nor pass Lua. Call it on the connection of
 * the script and before it, within `inOneWrite`. If Redis refuses such a frame, it refuses the script too, or
 * the gateway finds that the bytes of a reply are missing, and takes the reply for lost.
 */
export function pushFramesBefore(
  redis: Redis,
  inboxOf: (gateway: string) => string,
  frames: readonly FrameBefore[],
  log: Logger,
): void {
  for (const [gateway, some] of Map.groupBy(frames, (each) => each.gateway)) {
    const inbox = inboxOf(gateway);
    const pushed = pushUncopied(
      redis,
      inbox,
      some.map(({ frame }) => frame),
    );
    // The script may fail, so the inbox gets its TTL here.
    Promise.all([pushed, redis.pexpire(inbox, inboxTtlMs)]).catch((error: unknown) => {
      log.debug({ err: error }, 'the bytes of a reply were not pushed');
    });
  }
}
