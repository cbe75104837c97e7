/** What is kept of the caller of a request, beside the request itself. */
export interface Caller {
  /** Keyed digest of what identifies the caller. */
  readonly digest: string;
  /** Whether the request is known to this caller alone; else to whoever knows its id. */
  readonly alone: boolean;
}

const form = /^(alone|any) ([\w-]{43})$/;

/** @returns the text by which Redis has a caller. */
export function encodeCaller({ digest, alone }: Caller): string {
  return `${alone ? 'alone' : 'any'} ${digest}`;
}

/** @returns the same as a field of a job, if there is one. */
export function callerField({ caller }: { readonly caller?: Caller }): { readonly caller?: string } {
  return caller === undefined ? {} : { caller: encodeCaller(caller) };
}

/** @returns undefined for a text that is none of {@link encodeCaller}. */
export function parseCaller(text: string): Caller | undefined {
  const [, who, digest] = form.exec(text) ?? [];
  return digest === undefined ? undefined : { digest, alone: who === 'alone' };
}
