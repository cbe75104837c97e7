/** The groups of measurements, in their order. */
export const rowNames = ['first-byte', 'chunks', 'plain', 'idle', 'large'] as const;
export type RowName = (typeof rowNames)[number];

/** What one group of measurements found with one system in one round. */
export interface Sample {
  readonly system: string;
  readonly round: number;
  readonly row: RowName;
  readonly values: Readonly<Record<string, number>>;
  /** What is wrong with the answers, in sentences. */
  readonly faults: readonly string[];
}

export type Measured = Pick<Sample, 'values' | 'faults'>;
