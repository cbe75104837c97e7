/** The keys of BullMQ's `addStandardJob`, in its order, by the last parts of their names. */
export const addStandardJob = [
  'wait',
  'paused',
  'meta',
  'id',
  'completed',
  'delayed',
  'active',
  'events',
  'marker',
] as const;

/** Those of its `moveToFinished` for a completed job, without the job's own key. */
export const moveToFinished = [
  'wait',
  'active',
  'prioritized',
  'events',
  'stalled',
  'limiter',
  'delayed',
  'paused',
  'meta',
  'pc',
  'completed',
  '',
  'metrics:completed',
  'marker',
] as const;
