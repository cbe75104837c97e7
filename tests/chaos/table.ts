import type { Row } from './scenario.ts';

/** The columns of a run's result. */
export const columns = [
  'run',
  'requests',
  'answered right',
  'failed',
  'lost',
  'unsafe done twice',
  'retries',
  'slowest ms',
  'recovery ms',
  'note',
] as const;

/** @returns the cells of a row, in the order of {@link columns}. */
export function cells({ what, verdict, recoveryMs, note }: Row): string[] {
  const failed = [...verdict.failed].map(([code, count]) => `${count} ${code}`).join(', ');
  return [
    what,
    String(verdict.requests),
    String(verdict.right),
    failed || '0',
    String(verdict.lost.length),
    String(verdict.doubled.length),
    String(verdict.retries),
    String(Math.round(verdict.slowestMs)),
    recoveryMs === undefined ? '' : Number.isFinite(recoveryMs) ? String(Math.round(recoveryMs)) : 'never',
    note ?? '',
  ];
}

/** @returns a row as a line for the terminal. */
export function line(row: Row): string {
  const [what, ...rest] = cells(row);
  const named = rest.flatMap((cell, at) => (cell === '' ? [] : [`${columns[at + 1]} ${cell}`]));
  return `${what}: ${named.join(' · ')}`;
}
