import type { Logger } from '#shared/process/logger.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';

/** A call that changes something. */
export interface Change {
  /** The name of the caller's token; `-` without one. */
  readonly by: string;
  /** The address of the client. */
  readonly address: string;
  readonly method: string;
  /** The URL of the route as it is registered. */
  readonly route: string;
}

/** Characters of a text, and items of a list, that a line shows. */
const maxShown = 64;
/** Fields of a body that a line may show: counts and names. */
const shownFields = ['n', 'hostnames', 'weight', 'weights', 'enabled', 'origin'] as const;

/** Logs one line for each change by the admin side, at every level but `silent`. */
export class Audit {
  readonly #log: Logger;
  readonly #refusals: SparseWarning;

  constructor(log: Logger) {
    // The default level would leave the line out.
    this.#log = log.level === 'silent' ? log : log.child({ audit: true }, { level: 'info' });
    this.#refusals = new SparseWarning(log, 'a change by the admin side was refused');
  }

  /** @param status of the answer. */
  changed(change: Change, asked: Readonly<Record<string, unknown>>, status: number): void {
    this.#log.info({ ...change, asked, status }, 'a change by the admin side');
  }

  /** Logged at most once a second, since any client can cause it. */
  refused(change: Change, reason: string): void {
    this.#refusals.warn({ ...change, reason });
  }
}

/**
 * @param parameters of the path and the query.
 * @returns the names and counts in a call.
 */
export function askedFor(parameters: unknown, body: unknown): Record<string, unknown> {
  const fields = shownFields.map((name) => [name, fieldOf(body, name)] as const);
  const asked = [...Object.entries(isObject(parameters) ? parameters : {}), ...fields];
  return Object.fromEntries(
    asked.map(([name, value]) => [name, shown(value)]).filter(([, value]) => value !== undefined),
  );
}

function shown(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return value.slice(0, maxShown);
  if (isObject(value)) return shown(Object.entries(value).map(([name, item]) => `${name}=${String(item)}`));
  if (!Array.isArray(value)) return undefined;
  return value
    .slice(0, maxShown)
    .map((item: unknown) => (typeof item === 'string' ? item.slice(0, maxShown) : '?'));
}

function fieldOf(body: unknown, name: string): unknown {
  return isObject(body) && Object.hasOwn(body, name) ? body[name] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
