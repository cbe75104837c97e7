import type { SettingsSchema } from './load-settings.ts';
import { fileSetting, isSecret } from './secrets.ts';

const indent = '    ';

/**
 * @param width of a line, in columns.
 * @returns the settings of a schema for a terminal: each with its default, and what it is for below it.
 */
export function settingsText(schema: SettingsSchema, width = 80): string {
  const entries = Object.entries(schema.properties).map(([name, setting]) => {
    const value = setting.default === undefined ? '' : `=${setting.default}`;
    const file = isSecret(name) ? ` Or ${fileSetting(name)}, a file that holds it.` : '';
    const choice = setting.enum === undefined ? '' : ` One of: ${setting.enum.join(', ')}.`;
    const text = `${plain(setting.description)}${choice}${file}`;
    return [`${name}${value}`, ...wrapped(text, width - indent.length).map((line) => indent + line)].join(
      '\n',
    );
  });
  return entries.join('\n');
}

/** @returns a description without its Markdown. */
export function plain(description: string): string {
  return description.replaceAll('`', '');
}

/** @returns a text as lines that are at most `width` wide, unless a single word is wider. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
