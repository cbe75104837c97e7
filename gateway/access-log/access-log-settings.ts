/** The settings of the access log. */
export const accessLogSettings = {
  ACCESS_LOG: {
    type: 'string',
    default: 'off',
    enum: ['off', 'json', 'combined'],
    description:
      'A line on stdout for each dispatched request. `json`: an object. `combined`: the format of Apache ' +
      'and nginx, with more fields after it.',
  },
  ACCESS_LOG_QUERY: {
    type: 'string',
    default: 'none',
    enum: ['none', 'names', 'redacted'],
    description:
      'What the access log shows of a query. `names`: the names of its parameters. `redacted`: their values ' +
      'too, except those that `REDACT_HEADERS` and the built-in rules keep secret.',
  },
} as const;

/** How the access log is written. */
export interface AccessLogConfig {
  readonly format: 'json' | 'combined';
  readonly query: 'none' | 'names' | 'redacted';
}

/** @returns undefined if there is no access log. */
export function accessLogConfig(values: {
  readonly ACCESS_LOG: 'off' | 'json' | 'combined';
  readonly ACCESS_LOG_QUERY: AccessLogConfig['query'];
}): AccessLogConfig | undefined {
  const { ACCESS_LOG: format, ACCESS_LOG_QUERY: query } = values;
  return format === 'off' ? undefined : { format, query };
}
