/** The settings of outlier detection, in Envoy's vocabulary. Gateways and controllers read them. */
export const outlierSettings = {
  OUTLIER_DETECTION: {
    type: 'string',
    default: 'off',
    enum: ['on', 'off'],
    description:
      '`on`: a replica whose answers fail or are slow far beyond those of the others leaves the ring for a ' +
      'while. Set it for gateways and controllers.',
  },
  OUTLIER_CONSECUTIVE_5XX: {
    type: 'integer',
    default: 5,
    minimum: 0,
    maximum: 100000,
    description:
      'Answers with a 5xx status in a row, or no answer in time, after which a replica is ejected; 0: never.',
  },
  OUTLIER_CONSECUTIVE_GATEWAY_FAILURE: {
    type: 'integer',
    default: 5,
    minimum: 0,
    maximum: 100000,
    description: 'The same for 502, 503, 504 and no answer in time; 0: never.',
  },
  OUTLIER_SLOW_FACTOR: {
    type: 'integer',
    default: 0,
    minimum: 0,
    maximum: 1000,
    description:
      'A replica is ejected if the median of its service times is more than this multiple of that of the ' +
      'others; 2 or more. 0: never.',
  },
  OUTLIER_MIN_REQUESTS: {
    type: 'integer',
    default: 20,
    minimum: 1,
    maximum: 100000,
    description:
      'Service times that a replica must have in one `OUTLIER_INTERVAL_MS` to be compared. Each hash key ' +
      'counts once a second.',
  },
  OUTLIER_INTERVAL_MS: {
    type: 'integer',
    default: 10000,
    minimum: 1000,
    maximum: 3600000,
    description: 'Milliseconds after which service times are compared again.',
  },
  OUTLIER_BASE_EJECTION_MS: {
    type: 'integer',
    default: 30000,
    minimum: 100,
    maximum: 3600000,
    description:
      'Milliseconds that an ejection lasts, times how often in a row the replica was ejected. After as much ' +
      'healthy time one ejection is forgotten.',
  },
  OUTLIER_MAX_EJECTION_MS: {
    type: 'integer',
    default: 300000,
    minimum: 100,
    maximum: 86400000,
    description: 'Milliseconds that an ejection lasts at most before the next probe.',
  },
  OUTLIER_MAX_EJECTION_PERCENT: {
    type: 'integer',
    default: 34,
    minimum: 1,
    maximum: 90,
    description:
      'Highest part of the replicas that may be ejected at once, in percent; one may be, if there are two.',
  },
  OUTLIER_PROBE_PATH: {
    type: 'string',
    default: '/',
    pattern: '^/[!-~]*$',
    description:
      'Path and query of the `GET` by which an ejected replica is probed before it returns. The handler has ' +
      'to answer it without a 5xx status in 5 seconds.',
  },
} as const;

/** How outliers are detected. */
export interface OutlierConfig {
  /** 0: never. */
  readonly consecutive5xx: number;
  /** 0: never. */
  readonly consecutiveGatewayFailure: number;
  /** 0: never. */
  readonly slowFactor: number;
  readonly minRequests: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly probePath: string;
}

/** The values of the settings. */
export interface OutlierValues {
  readonly OUTLIER_DETECTION: 'on' | 'off';
  readonly OUTLIER_CONSECUTIVE_5XX: number;
  readonly OUTLIER_CONSECUTIVE_GATEWAY_FAILURE: number;
  readonly OUTLIER_SLOW_FACTOR: number;
  readonly OUTLIER_MIN_REQUESTS: number;
  readonly OUTLIER_INTERVAL_MS: number;
  readonly OUTLIER_BASE_EJECTION_MS: number;
  readonly OUTLIER_MAX_EJECTION_MS: number;
  readonly OUTLIER_MAX_EJECTION_PERCENT: number;
  readonly OUTLIER_PROBE_PATH: string;
}

/** @returns undefined if outlier detection is off. */
export function outlierConfig(values: OutlierValues): OutlierConfig | undefined {
  if (values.OUTLIER_DETECTION === 'off') return undefined;
  return {
    consecutive5xx: values.OUTLIER_CONSECUTIVE_5XX,
    consecutiveGatewayFailure: values.OUTLIER_CONSECUTIVE_GATEWAY_FAILURE,
    slowFactor: values.OUTLIER_SLOW_FACTOR,
    minRequests: values.OUTLIER_MIN_REQUESTS,
    intervalMs: values.OUTLIER_INTERVAL_MS,
    baseEjectionMs: values.OUTLIER_BASE_EJECTION_MS,
    maxEjectionMs: values.OUTLIER_MAX_EJECTION_MS,
    maxEjectionPercent: values.OUTLIER_MAX_EJECTION_PERCENT,
    probePath: values.OUTLIER_PROBE_PATH,
  };
}

/** @returns what is wrong with the values together, though each of them is allowed by itself. */
export function outlierFaults(values: OutlierValues): string[] {
  const { OUTLIER_SLOW_FACTOR: factor } = values;
  const { OUTLIER_BASE_EJECTION_MS: base, OUTLIER_MAX_EJECTION_MS: max } = values;
  const faults: string[] = [];
  if (factor === 1) faults.push('OUTLIER_SLOW_FACTOR is 1; it must be 0 or at least 2');
  if (base > max) faults.push(`OUTLIER_BASE_EJECTION_MS is ${base}, but OUTLIER_MAX_EJECTION_MS is ${max}`);
  return faults;
}
