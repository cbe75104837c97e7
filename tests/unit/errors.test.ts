import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { catalogue, Problem, problemDetails } from '#shared/contract/errors.ts';
import type { ProblemCode } from '#shared/contract/errors.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** The cells of each table row that begins with a code. */
const rows = page
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .flatMap(([, code = '', status = '', retryable = '', when = '', what = '']) =>
    /^`[a-z_]+`$/.test(code) ? [{ code: code.slice(1, -1), status, retryable, when, what }] : [],
  );
const codes = Object.keys(catalogue) as ProblemCode[]; // the catalogue's own keys

describe('docs/errors.md', () => {
  it('lists every code of the catalogue once, in its order, and no other', () => {
    expect(rows.map(({ code }) => code)).toEqual(codes);
  });

  it.each(codes)('gives %s the status and the retryable flag of the catalogue', (code) => {
    const { status, retryable } = catalogue[code];
    expect(rows.find((row) => row.code === code)).toMatchObject({
      status: String(status),
      retryable: retryable ? 'yes' : 'no',
    });
  });

  it('says for each code when it happens and what to do', () => {
    expect(rows.filter(({ when, what }) => when.length < 10 || what.length < 10)).toEqual([]);
  });
});

describe('the catalogue', () => {
  it.each(codes)('has an error status and a title for %s', (code) => {
    const { status, title } = catalogue[code];
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).toMatch(/^[A-Z]/);
  });

  it('makes problem details of RFC 9457 that include the code', () => {
    expect(problemDetails('no_replica', 'No replica is ready.')).toEqual({
      type: 'about:blank',
      title: 'No Replica',
      status: 503,
      detail: 'No replica is ready.',
      code: 'no_replica',
    });
  });

  it('gives a Problem the status and the details of its code', () => {
    const problem = new Problem('reply_timeout', 'S1 did not answer.', { cause: 'c' });
    expect(problem).toMatchObject({
      name: 'Problem',
      message: 'S1 did not answer.',
      status: 504,
      cause: 'c',
    });
    expect(problem.details).toEqual(problemDetails('reply_timeout', 'S1 did not answer.'));
  });
});
