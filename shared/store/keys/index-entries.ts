import type { CallbackState } from '../../contract/request-record.ts';

/**
 * A request as the indexes of its replica have it. The texts of the entries are compared by Redis, so their
 * parts have fixed lengths: the time 15 digits, the UUID 36 characters, the digest 16.
 */
export interface IndexedRequest {
  /** When it was accepted, in ms since the epoch, in Redis time. */
  readonly accepted: number;
  /** The id without the replica. */
  readonly uuid: string;
  /** Of the hash key; undefined if it is not known. */
  readonly digest: string | undefined;
  readonly callback: boolean;
}

type Moment = Pick<IndexedRequest, 'accepted' | 'uuid'>;

/** @returns how entries name a moment: those of later requests are greater. */
export function momentText({ accepted, uuid }: Moment): string {
  return `${String(accepted).padStart(15, '0')} ${uuid}`;
}

/** @returns the entry in the index by time. */
export function timeEntry({ digest = '-', callback, ...moment }: IndexedRequest): string {
  return `${momentText(moment)} ${digest} ${callback ? 'c' : '-'}`;
}

/** @returns the entry in the index by hash key. */
export function keyEntry(digest: string, moment: Moment): string {
  return `${digest} ${momentText(moment)}`;
}

/** @returns the entry in the index of callbacks. */
export function callbackEntry(state: CallbackState, moment: Moment): string {
  return `${state} ${momentText(moment)}`;
}

const entryForm = /^(?:\w+ )?(\d{15}) ([0-9a-f-]{36})(?: (\S+) ([c-]))?$/;

/**
 * @param text an entry of any of the indexes. That of the index by time says more than the others.
 * @returns undefined for any other text.
 */
export function parseEntry(text: string): IndexedRequest | undefined {
  const [, accepted, uuid, digest, callback] = entryForm.exec(text) ?? [];
  if (accepted === undefined || uuid === undefined) return undefined;
  return {
    accepted: Number(accepted),
    uuid,
    digest: digest === '-' ? undefined : digest,
    callback: callback === 'c',
  };
}
