import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { codeFrame, pathOf, shownPath, shownPlace } from '#shared/process/code-frame.ts';
import type { SourcePlace } from '#shared/process/code-frame.ts';
import { placeOf } from '#shared/process/error-places.ts';
import { safeError } from '#shared/process/safe-error.ts';
import { spawnTethered } from '#shared/process/tethered.ts';

/** Why a module cannot be imported. */
export interface ImportFault {
  /** One sentence without a full stop, with the place if it is known. */
  readonly reason: string;
  readonly frame: string | undefined;
}

/** Time in ms for a process that finds the place of a syntax error. */
const searchMs = 5000;
/** More of its output is not read. */
const maxOutput = 65_536;

/**
 * @param thrown what `import(file)` has thrown.
 * @param file absolute path of the module.
 * @returns what is wrong, in words. Never rejects.
 */
export async function explainImport(thrown: unknown, file: string): Promise<ImportFault> {
  const missing = missingModule(thrown, file);
  const { type, message } = safeError(thrown);
  const place =
    missing?.place ?? arrowPlace(stackOf(thrown)) ?? placeOf(thrown) ?? (await searched(thrown, file));
  const [firstLine = ''] = message.split('\n', 1);
  const said = missing?.reason ?? `${type}: ${firstLine}${remedyFor(firstLine)}`;
  if (place === undefined) return { reason: said, frame: undefined };
  return { reason: `${said} (${shownPlace(place)})`, frame: codeFrame(place) };
}

/** @returns what to do if Node.js has read a module as CommonJS; empty for any other message. */
function remedyFor(message: string): string {
  return /^Cannot use import statement outside a module|^Unexpected token 'export'/.test(message)
    ? '; set "type": "module" in package.json, or name the file .mts or .mjs'
    : '';
}

/** What is known of a module that was not found: what to do, and which line imports it. */
function missingModule(
  thrown: unknown,
  file: string,
): { readonly reason: string; readonly place: SourcePlace | undefined } | undefined {
  if (!(thrown instanceof Error)) return undefined;
  // Both are checked below.
  const { code, requireStack } = thrown as { readonly code?: unknown; readonly requireStack?: unknown };
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined;
  const [, wanted = ''] = /^Cannot find (?:package|module) '([^'\n]{1,1000})'/.exec(thrown.message) ?? [];
  const [, imported] = /' imported from ([^\n]+)$/.exec(thrown.message) ?? [];
  const required: unknown = Array.isArray(requireStack) ? requireStack[0] : undefined;
  const importer = pathOf(imported ?? (typeof required === 'string' ? required : '')) ?? file;
  if (wanted === '') return undefined;
  const isFile = wanted.startsWith('/') || wanted.startsWith('.') || wanted.startsWith('file:');
  const name = isFile ? undefined : wanted.split('/', wanted.startsWith('@') ? 2 : 1).join('/');
  const reason =
    name === undefined
      ? `there is no file ${shownPath(pathOf(wanted) ?? wanted)}, which ${shownPath(importer)} imports`
      : `the package ${name} is not installed; run npm install ${name}`;
  return { reason, place: placeOfText(importer, name ?? wanted.replace(/^.*\//, '')) };
}

/** @returns the place of an imported name in a file: after a quotation mark, and not in a comment. */
function placeOfText(file: string, name: string): SourcePlace | undefined {
  try {
    for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
      const at = /^\s*(?:\/\/|\*|\/\*)/.test(line) ? -1 : line.indexOf(name);
      const quote = line.slice(0, Math.max(0, at)).search(/['"`][^'"`]*$/);
      if (at > 0 && quote >= 0) return { file, line: index + 1, column: quote + 1 };
    }
  } catch {
    // It was readable a moment ago.
  }
  return undefined;
}

function stackOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.stack) : '';
  } catch {
    return '';
  }
}

/**
 * @param text that begins as Node shows a fault in a file: the place without its column, lines of code, and
 * carets below the last one. Lines before that are skipped.
 */
function arrowPlace(text: string): SourcePlace | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /^(?:\/|file:\/\/)[^\n]{1,2000}:\d{1,9}$/.test(line));
  const [, path = '', number = ''] = /^(.*):(\d+)$/.exec(lines[at] ?? '') ?? [];
  const file = pathOf(path);
  const caret = lines.slice(at + 1, at + 8).find((line) => /^\s*\^+\s*$/.test(line));
  if (file === undefined || caret === undefined) return undefined;
  return { file, line: Number(number), column: caret.indexOf('^') + 1 };
}

/**
 * V8 does not tell a program where a syntax error is, only a person: so another process imports the file, and
 * its stderr is read. What ran before the fault runs there once more: nothing, unless the file is imported
 * late.
 */
async function searched(thrown: unknown, file: string): Promise<SourcePlace | undefined> {
  if (!(thrown instanceof SyntaxError)) return undefined;
  try {
    const args = ['--input-type=module', '--eval', 'await import(process.argv[1])', file];
    const child = spawnTethered(process.execPath, args, {
      env: process.env,
      stdout: 'ignore',
      stderr: 'pipe',
      onParentDeath: 'SIGKILL',
    });
    let output = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < maxOutput) output += text;
    });
    const late = setTimeout(() => child.kill('SIGKILL'), searchMs);
    await Promise.all([child.exited, child.stderr && once(child.stderr, 'close')]);
    clearTimeout(late);
    return arrowPlace(output);
  } catch {
    return undefined;
  }
}
