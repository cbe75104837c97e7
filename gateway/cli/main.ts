#!/usr/bin/env node
import { environment } from '../settings/environment.ts';
import { keepCompiledCode } from './compile-cache.ts';
import { ownVersion } from '#shared/process/own-version.ts';

const argv = process.argv.slice(2);

// The reader of a pipe may leave early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  process.stdout.write(`${ownVersion}\n`);
} else {
  keepCompiledCode(environment.env);
  const { runCommandLine } = await import('./command-line.ts');
  process.exitCode = await runCommandLine(argv, environment, ownVersion);
}
