import type { Context, TextMapGetter } from '@opentelemetry/api';
import type { Api } from './telemetry.ts';

/** Reads header fields: alternating names and values. */
const getter: TextMapGetter<readonly string[]> = {
  keys: (headers) => headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()),
  get: (headers, wanted) => {
    const lower = wanted.toLowerCase();
    const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === lower);
    return values.length > 1 ? values : values[0];
  },
};

/** @returns the context that headers carry, in the format of the process's propagator. */
export function carriedBy({ propagation, ROOT_CONTEXT }: Api, headers: readonly string[]): Context {
  return propagation.extract(ROOT_CONTEXT, headers, getter);
}

/**
 * Replaces the context that headers carry. All fields of the propagator are removed, since one that is not
 * written, such as `tracestate`, would belong to another context. Baggage does not depend on a span: one that
 * is not written was malformed, and is left to the replica.
 */
export function withCarried({ propagation }: Api, context: Context, headers: readonly string[]): string[] {
  const fields = new Map<string, string>();
  propagation.inject(context, fields, { set: (_, name, value) => void fields.set(name, value) });
  const replaced = new Set(Array.from(fields.keys(), (name) => name.toLowerCase()));
  for (const name of propagation.fields()) if (name !== 'baggage') replaced.add(name.toLowerCase());
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!replaced.has(name.toLowerCase())) kept.push(name, headers[at + 1] ?? '');
  }
  for (const [name, value] of fields) kept.push(name, value);
  return kept;
}
