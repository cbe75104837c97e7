import { RingpostError } from '#shared/client/client.ts';
import { describe } from '#shared/process/uncaught.ts';
import { SettingsError } from '#shared/settings/settings-error.ts';
import { exitCodes, Failure } from './failure.ts';
import type { ExitCode } from './failure.ts';
import { createPaint, usesColours } from './paint.ts';
import type { Paint } from './paint.ts';

/** Where a command writes its result. */
export class Output {
  /** Whether the result is one JSON document. */
  readonly json: boolean;
  readonly paint: Paint;

  constructor(json: boolean, env: NodeJS.ProcessEnv) {
    this.json = json;
    this.paint = createPaint(!json && usesColours(process.stdout.isTTY, env));
  }

  /**
   * Writes the result of a command on stdout.
   * @param document for `--json`.
   * @param lines for people.
   */
  show(document: unknown, lines: () => readonly string[]): void {
    const indent = process.stdout.isTTY ? 2 : undefined;
    const text = this.json ? JSON.stringify(document, null, indent) : lines().join('\n');
    process.stdout.write(`${text}\n`);
  }

  /** Writes why a command failed. @returns its exit code. */
  fail(error: unknown): ExitCode {
    const { code, message, exitCode, status } = explained(error);
    if (this.json) {
      const shown = { code, message, ...(status === undefined ? {} : { status }) };
      process.stdout.write(`${JSON.stringify({ error: shown })}\n`);
    } else {
      process.stderr.write(`ringpost: ${message}\n`);
    }
    return exitCode;
  }
}

interface Explained {
  readonly code: string;
  readonly message: string;
  readonly exitCode: ExitCode;
  /** The HTTP status of the gateway's answer. */
  readonly status?: number;
}

function explained(error: unknown): Explained {
  if (error instanceof Failure) return error;
  if (error instanceof SettingsError)
    return { code: 'settings', message: error.message, exitCode: exitCodes.usage };
  if (error instanceof RingpostError) return ofAnswer(error);
  // A bug: its stack helps to find it.
  return { code: 'internal', message: describe(error), exitCode: exitCodes.failed };
}

const howToGiveToken = 'set ADMIN_TOKEN or ADMIN_TOKEN_FILE to the admin token of the gateway';

function ofAnswer({ status, code, message }: RingpostError): Explained {
  // The admin contract of the assignment begins its messages like this.
  const said = message.replace(/^<Error> /, '');
  const shown =
    status === 401
      ? `the gateway does not accept the token, or there is none; ${howToGiveToken}`
      : status === 403
        ? `the gateway refuses this call (${said}); ${howToGiveToken}`
        : said.startsWith('There is nothing at')
          ? `${said.replace(/\.$/, '')}; if ADMIN_PORT is set, give the address of the admin side with --admin-url`
          : said;
  return { code: code ?? `http_${status}`, message: shown, exitCode: exitCodes.failed, status };
}
