/** Calls of operators that change the number of replicas. */
export type OperatorCall = 'add' | 'rm';

/** Who has stopped autoscaling: `/add`, `/rm`, or an operator who asked for it. */
export interface AutoscaleStop {
  readonly by: OperatorCall | 'operator';
  /** In ms since the epoch, in Redis time; 0 if it is not known. */
  readonly at: number;
}

/** What autoscaling has decided last. */
export interface AutoscaleDecision {
  /** In ms since the epoch, in Redis time. */
  readonly at: number;
  /** Replicas that the load wants, within the range; null if the load is not known. */
  readonly wanted: number | null;
  /** Replicas that count: those that are not drained, paused or ejected. Starting and lost ones count. */
  readonly replicas: number;
  /** Why it changes something, or nothing, in one sentence. */
  readonly reason: string;
  /** Replicas that have most of the load while the others are idle. More replicas would not help them. */
  readonly hot: readonly string[];
}

/** The last change that autoscaling has made. */
export interface AutoscaleChange {
  readonly at: number;
  readonly direction: 'up' | 'down';
  /** The replicas that were added or removed. */
  readonly names: readonly string[];
  readonly reason: string;
}

/** The answer to `GET /-/api/autoscale`. */
export interface AutoscaleView {
  /** Whether the leading controller has `AUTOSCALE`. */
  readonly configured: boolean;
  /** Whether it adds and removes replicas. */
  readonly enabled: boolean;
  readonly range: { readonly min: number; readonly max: number } | null;
  readonly stopped: AutoscaleStop | null;
  readonly decision: AutoscaleDecision | null;
  readonly change: AutoscaleChange | null;
}
