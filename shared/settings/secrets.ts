import { readFileSync, readSync } from 'node:fs';

/** The settings that are secret. Each may also be in a file, whose path is in `<NAME>_FILE`. */
export const secretSettings = [
  'REDIS_URL',
  'WORKER_REDIS_URL',
  'ADMIN_TOKEN',
  'VIEW_TOKEN',
  'CALLBACK_SECRET',
  'CALLER_SECRET',
] as const;

const names: ReadonlySet<string> = new Set(secretSettings);

/** @returns whether the value of a setting must never be shown. */
export function isSecret(name: string): boolean {
  return names.has(name);
}

/** @returns the name of the setting that holds the path of a secret's file. */
export function fileSetting(name: string): string {
  return `${name}_FILE`;
}

/** The settings of a process after its secrets were removed from its environment. */
export interface TakenSettings {
  /** All variables. A secret that was read from a file is here under its own name. */
  readonly env: NodeJS.ProcessEnv;
  /** What is wrong with the files, one fault per line. No fault quotes the content of a file. */
  readonly faults: readonly string[];
  /** Where settings come from, for people, if not from the environment. */
  readonly sources?: ReadonlyMap<string, string>;
}

/**
 * Reads the secret settings, also from files, and deletes them from the environment, so that processes that
 * are started later do not inherit them.
 * @param env the environment of this process. It is changed.
 * @param read returns the content of a file.
 */
export function takeSecrets(
  env: NodeJS.ProcessEnv,
  read: (file: string) => string = readWhole,
): TakenSettings {
  const taken = { ...env };
  const faults: string[] = [];
  for (const name of secretSettings) {
    const file = env[fileSetting(name)] ?? '';
    // In `process.env`, only `delete` removes a variable.
    for (const each of [name, fileSetting(name)]) delete env[each];
    delete taken[fileSetting(name)];
    if (file === '') continue;
    if ((taken[name] ?? '') !== '') {
      faults.push(`${name} and ${fileSetting(name)} are both set; set one of them`);
      continue;
    }
    const found = secretIn(file, read);
    if ('fault' in found) faults.push(`${fileSetting(name)} is ${JSON.stringify(file)}; ${found.fault}`);
    else taken[name] = found.secret;
  }
  return { env: taken, faults };
}

/** @returns the environment without its secret settings and the names of their files. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const hidden: ReadonlySet<string> = new Set(secretSettings.flatMap((name) => [name, fileSetting(name)]));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !hidden.has(name)));
}

function secretIn(file: string, read: (file: string) => string): { secret: string } | { fault: string } {
  try {
    const secret = read(file).replace(/\r?\n$/, '');
    return secret === '' ? { fault: 'it is empty' } : { secret };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    return { fault: `it cannot be read${code}` };
  }
}

/** Reads a descriptor directly: Node's pipes to a child are sockets, which cannot be opened by a path. */
function readWhole(file: string): string {
  const descriptor = /^\/dev\/(?:fd\/(\d{1,9})|stdin)$/.exec(file);
  return descriptor === null ? readFileSync(file, 'utf8') : readToEnd(Number(descriptor[1] ?? 0));
}

/** How long a descriptor may give no data, in ms. */
const timeoutMs = 30_000;
const pollIntervalMs = 5;

/** A descriptor may be non-blocking, as in a container, so it is polled until its end. */
function readToEnd(descriptor: number): string {
  const parts: Buffer[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let until = performance.now() + timeoutMs;
  for (;;) {
    try {
      const bytes = readSync(descriptor, buffer);
      if (bytes === 0) return Buffer.concat(parts).toString('utf8');
      parts.push(Buffer.from(buffer.subarray(0, bytes)));
      until = performance.now() + timeoutMs;
    } catch (error) {
      const isEmpty = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
      if (!isEmpty || performance.now() > until) throw error;
      Atomics.wait(pause, 0, 0, pollIntervalMs);
    }
  }
}
