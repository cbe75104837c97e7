/** What stands where there is no number. */
export const none = '–';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** @returns e.g. `1,204`. */
export function count(value: number): string {
  return whole.format(value);
}

/** @returns e.g. `0`, `3.4` or `1,204`, for a rate per second. */
export function rate(value: number): string {
  if (value === 0) return '0';
  if (value < 0.05) return '< 0.1';
  return value < 10 ? decimal.format(value) : whole.format(value);
}

/** @param value from 0 to 1. @returns e.g. `33.4 %`. */
export function share(value: number): string {
  return `${decimal.format(value * 100)} %`;
}

/** @param value a number of tenths, from 0 to 1. @returns e.g. `30 %`. */
export function tenths(value: number): string {
  return `${Math.round(value * 10) * 10} %`;
}

/** @returns e.g. `0.4 ms`, `12 ms`, `1.2 s`, `3 min 4 s` or `2 h 5 min`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return none;
  if (ms < 9.95) return ms === 0 ? '0 ms' : `${decimal.format(ms)} ms`;
  if (ms < 999.5) return `${whole.format(ms)} ms`;
  if (ms < 59_950) return `${decimal.format(ms / 1000)} s`;
  const s = Math.round(ms / 1000);
  return s < 3600
    ? two(Math.floor(s / 60), 'min', s % 60, 's')
    : s < 86_400
      ? two(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min')
      : two(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h');
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** @returns e.g. `640 B`, `12.4 kB` or `86 MB`. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [number, unit] = [value, 0];
  while (number >= 999.5 && unit < units.length - 1) [number, unit] = [number / 1000, unit + 1];
  return `${unit === 0 || number >= 99.95 ? whole.format(number) : decimal.format(number)} ${units[unit]}`;
}

/** @returns e.g. `1 request` or `4 requests`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}
