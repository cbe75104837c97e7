/**
 * @returns a text that is the same for failures that differ only in a port or a pid: numbers of four or more
 * digits are left out.
 */
export function alikeText(text: string): string {
  return text.replace(/\b\d{4,}\b/g, '…');
}
