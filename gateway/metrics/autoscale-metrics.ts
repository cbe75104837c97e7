import type { ClusterMetric } from './cluster-metrics.ts';

/** Gauges of autoscaling. Without `AUTOSCALE` they have no series. */
export const autoscaleGauges: readonly ClusterMetric[] = [
  {
    name: 'ringpost_autoscale_enabled',
    help: 'Whether autoscaling adds and removes replicas; 0 if it was stopped',
    labels: ['range'],
    *values({ autoscale: { range, enabled } }) {
      if (range !== null) yield [[`${range.min}..${range.max}`], enabled ? 1 : 0];
    },
  },
  {
    name: 'ringpost_autoscale_wanted',
    help: 'Replicas that the load wants, within the range of AUTOSCALE',
    labels: ['range'],
    *values({ autoscale: { range, decision } }) {
      if (range !== null && decision?.wanted != null) yield [[`${range.min}..${range.max}`], decision.wanted];
    },
  },
  {
    name: 'ringpost_autoscale_replicas',
    help: 'Desired replicas that are not drained, paused or ejected, as autoscaling counts them',
    labels: ['range'],
    *values({ autoscale: { range, decision } }) {
      if (range !== null && decision !== null) yield [[`${range.min}..${range.max}`], decision.replicas];
    },
  },
];

/** Counters of autoscaling. */
export const autoscaleCounters: readonly ClusterMetric[] = [
  {
    name: 'ringpost_autoscale_changes_total',
    help: 'Changes of the number of replicas by autoscaling, by direction',
    labels: ['direction'],
    *values({ counts }) {
      for (const direction of ['up', 'down']) yield [[direction], counts.get(`autoscale:${direction}`) ?? 0];
    },
  },
];
