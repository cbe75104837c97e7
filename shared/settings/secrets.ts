import { readFileSync, readSync } from 'node:fs';

/** The settings that nobody may see. Each can also be given by a file, which `<NAME>_FILE` names. */
export const secretSettings = [
  'REDIS_URL',
  'WORKER_REDIS_URL',
  'ADMIN_TOKEN',
  'VIEW_TOKEN',
  'CALLBACK_SECRET',
  'CALLER_SECRET',
] as const;

const names: ReadonlySet<string> = new Set(secretSettings);

/** @returns whether the value of a setting is never shown. */
export function isSecret(name: string): boolean {
  return names.has(name);
}

/** @returns the setting that names the file of a secret one. */
export function fileSetting(name: string): string {
  return `${name}_FILE`;
}

/** The settings of a process once its secrets have left its environment. */
export interface TakenSettings {
  /** All variables; a secret that a file gave is there under its own name. */
  readonly env: NodeJS.ProcessEnv;
  /** What is wrong with the files, a line each; it never says what is in one. */
  readonly faults: readonly string[];
}

/**
 * Reads the secret settings, from files too, and deletes them from the environment, so that no process that is
 * started later has them.
 * @param env the environment of this process; it is changed.
 * @param read returns what is in a file.
 */
export function takeSecrets(
  env: NodeJS.ProcessEnv,
  read: (file: string) => string = readWhole,
): TakenSettings {
  const taken = { ...env };
  const faults: string[] = [];
  for (const name of secretSettings) {
    const file = env[fileSetting(name)] ?? '';
    // `delete` is what removes a variable from the environment of the process itself.
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

/** A descriptor is read as it is: a socket, which Node gives a child as a pipe, cannot be opened by a name. */
function readWhole(file: string): string {
  const descriptor = /^\/dev\/(?:fd\/(\d{1,9})|stdin)$/.exec(file);
  return descriptor === null ? readFileSync(file, 'utf8') : readToEnd(Number(descriptor[1] ?? 0));
}

/** For so long a descriptor may bring nothing, in ms. */
const patienceMs = 30_000;
const againMs = 5;

/** A descriptor may be non-blocking, as that of a container is: it is read again until its writer ends it. */
function readToEnd(descriptor: number): string {
  const parts: Buffer[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let until = performance.now() + patienceMs;
  for (;;) {
    try {
      const bytes = readSync(descriptor, buffer);
      if (bytes === 0) return Buffer.concat(parts).toString('utf8');
      parts.push(Buffer.from(buffer.subarray(0, bytes)));
      until = performance.now() + patienceMs;
    } catch (error) {
      const isEmpty = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
      if (!isEmpty || performance.now() > until) throw error;
      Atomics.wait(pause, 0, 0, againMs);
    }
  }
}
