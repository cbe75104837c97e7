/** @returns the number of bytes that a value of Content-Length states; undefined if it states none. */
export function statedLength(value: string | null | undefined): number | undefined {
  if (value === undefined || value === null || !/^\d+$/.test(value)) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}
