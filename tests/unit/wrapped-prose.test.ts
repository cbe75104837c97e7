import { describe, expect, it } from 'vitest';
import { wrappedProse } from '../fixtures/wrapped-prose.ts';

const long = 'word '.repeat(60).trim();

describe('wrapped prose', () => {
  it('has no line longer than 110 columns and keeps all words', () => {
    const lines = wrappedProse(long).split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(110);
    expect(lines.join(' ')).toBe(long);
  });

  it('joins the short lines of a paragraph, but does not join paragraphs', () => {
    expect(wrappedProse('one\ntwo\n\nthree')).toBe('one two\n\nthree');
  });

  it('indents the lines of a list item under its text, but does not join items', () => {
    const [first = '', second = '', ...others] = wrappedProse(`- ${long}\n- end`).split('\n');
    expect(first).toMatch(/^- word/);
    expect(second).toMatch(/^ {2}word/);
    expect(others.at(-1)).toBe('- end');
    expect(wrappedProse('1. one\n   two\n10. three')).toBe('1. one two\n10. three');
  });

  it('leaves tables, headings, pictures, code and list items of code unchanged', () => {
    const kept = [
      `| ${long} |`,
      `# ${long}`,
      `![${long}](a.svg)`,
      `- \`${long}\``,
      '```sh',
      `${long}  # ${long}`,
      'b',
      '```',
    ].join('\n');
    expect(wrappedProse(kept)).toBe(kept);
  });

  it('puts a word that is too long on a line of its own', () => {
    const link = `[a](${'b'.repeat(120)})`;
    expect(wrappedProse(`one ${link} two`)).toBe(`one\n${link}\ntwo`);
  });
});
