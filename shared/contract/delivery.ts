/** A job that a consumer holds: it is active and the consumer has its lock. */
export interface HeldJob {
  readonly id: string;
  /** JSON; null if the job has no data. */
  readonly data: string | null;
  /** How often the job was taken, this time included. */
  readonly timesTaken: number;
}

/**
 * An entry of a consumer's list: a job that was delivered directly, or the marker behind the last one of all.
 */
export type Delivery = HeldJob | 'end';

/** Reads an entry of a consumer's list of deliveries, as the scripts `add-jobs` and `tick` write it. */
export function parseDelivery(text: string): Delivery {
  if (text === '') return 'end';
  const end = text.indexOf('\n');
  return { id: text.slice(0, end), data: text.slice(end + 1), timesTaken: 1 };
}
