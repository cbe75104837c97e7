/** W3C Trace Context 3.2: version, id of the trace, id of the span, flags. None of the ids is all zeros. */
const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/**
 * @param value of the field `traceparent`.
 * @returns the id of the trace: 32 hex digits; undefined if there is no field, or if it is malformed.
 */
export function traceIdOf(value: string | undefined): string | undefined {
  return value === undefined ? undefined : form.exec(value)?.[1];
}
