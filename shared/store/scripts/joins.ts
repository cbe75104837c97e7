import { announcedText, announcementMs } from '../../contract/joining.ts';
import type { Announced } from '../../contract/joining.ts';
import { isTexts } from '../../contract/json-object.ts';
import type { LeaderChange } from './ring.ts';
import type { Fields } from './read-ring.ts';
import { script } from './script.ts';

/** How long the announcements are kept if nobody announces itself, in ms. */
const keptMs = 3_600_000;
/** How long departures are kept if no controller leads, in ms. */
const departuresMs = 86_400_000;

/** Announces a worker. The result is true for its first announcement. */
export const announce = script<Announced, boolean>({
  file: 'announce',
  keys: ({ announcements }) => [announcements],
  args: (worker, { changes }) => [announcedText(worker), keptMs, changes],
  decode: (reply) => reply === 1,
});

/** Withdraws the announcement of a worker, with which its replica leaves if `departs` is true. */
export const withdrawAnnouncement = script<{ worker: Announced; departs: boolean }, void>({
  file: 'withdraw-announcement',
  keys: ({ announcements, departures }) => [announcements, departures],
  args: ({ worker, departs }, { changes }) => [announcedText(worker), departs ? departuresMs : 0, changes],
  decode: () => undefined,
});

/** Reads who has announced itself, and who leaves, as it is stored. */
export const readAnnouncements = script<
  { limit: number },
  { readonly announced: readonly string[]; readonly departing: readonly string[] }
>({
  file: 'read-announcements',
  keys: ({ announcements, departures }) => [announcements, departures],
  args: ({ limit }) => [announcementMs, limit],
  decode: (reply) => {
    const [announced, departing]: unknown[] = Array.isArray(reply) ? reply : [];
    return {
      announced: isTexts(announced) ? announced : [],
      departing: isTexts(departing) ? departing : [],
    };
  },
});

/** Notes what the leading controller allows, and why workers stand by. */
export const noteJoining = script<{ token: string; set: Fields; remove: readonly string[] }, LeaderChange>({
  file: 'note-joining',
  keys: ({ joining, leader }) => [joining, leader],
  args: ({ token, set, remove }) => [token, set.length, ...set.flat(), ...remove],
  decode: (reply) => (reply === 1 ? 'changed' : 'deposed'),
});
