/** What ringpost stores about the caller of a request. */
export interface Caller {
  /** A keyed digest of what identifies the caller. */
  readonly digest: string;
  /** Whether only this caller may see the request; if false, anyone who knows the request's id may. */
  readonly alone: boolean;
}

const form = /^(alone|any) ([\w-]{43})$/;

/** @returns a caller as it is stored in Redis. */
export function encodeCaller({ digest, alone }: Caller): string {
  return `${alone ? 'alone' : 'any'} ${digest}`;
}

/** @returns the caller as a field of a job; no field if there is no caller. */
export function callerField({ caller }: { readonly caller?: Caller }): { readonly caller?: string } {
  return caller === undefined ? {} : { caller: encodeCaller(caller) };
}

/** @returns undefined for a text that {@link encodeCaller} cannot have made. */
export function parseCaller(text: string): Caller | undefined {
  const [, who, digest] = form.exec(text) ?? [];
  return digest === undefined ? undefined : { digest, alone: who === 'alone' };
}
