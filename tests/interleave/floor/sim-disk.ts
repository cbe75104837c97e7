import { virtualClock } from './virtual-clock.ts';

/** Where the processes of a schedule find a folder in memory, which all of them share. */
export const simFolder = '/run/ringpost';
/** What `statfs` says of a tmpfs. */
const tmpfs = 0x01021994;
/** No file of the system has such a number. */
const firstNumber = 1_000_000;

/** Where the processes of a schedule write their protocol traces. */
export const traceFolder = `${simFolder}/trace`;

/** A line of a protocol trace. */
interface Traced {
  readonly source: string;
  readonly line: string;
}

interface File {
  readonly path: string;
  text: string;
  mtimeMs: number;
}

/** The files of a schedule. They survive the process that has written them, as those in memory do. */
export class SimDisk {
  readonly #files = new Map<string, File>();
  readonly #open = new Map<number, File>();
  #opened = firstNumber;
  /** What all processes have traced, in the order in which it happened. */
  readonly traced: Traced[] = [];

  /** Whether it has what a call of `node:fs` is about. @param first the first argument of the call. */
  has(first: unknown): boolean {
    return typeof first === 'number' ? first > firstNumber : String(first).startsWith(simFolder);
  }

  reset(): void {
    this.#files.clear();
    this.#open.clear();
    this.#opened = firstNumber;
    this.traced.length = 0;
  }

  /** The functions of `node:fs` that the code under test calls. */
  readonly calls: Readonly<Record<string, (...args: never[]) => unknown>> = {
    mkdirSync: () => undefined,
    statfsSync: () => ({ type: tmpfs }),
    openSync: (path: string, flags: string | number) => {
      const known = this.#files.get(path);
      const creates = typeof flags === 'string' && flags.includes('x');
      if (creates && known !== undefined) throw failure('EEXIST', path);
      if (!creates && known === undefined) throw failure('ENOENT', path);
      const file = known ?? { path, text: '', mtimeMs: virtualClock.nowMs };
      this.#files.set(path, file);
      this.#opened += 1;
      this.#open.set(this.#opened, file);
      return this.#opened;
    },
    closeSync: (fd: number) => void this.#open.delete(fd),
    writeSync: (fd: number, text: string) => {
      const file = this.#file(fd);
      if (file.path.startsWith(traceFolder)) {
        this.traced.push({ source: file.path, line: text });
        return text.length;
      }
      file.text += text;
      file.mtimeMs = virtualClock.nowMs;
      return text.length;
    },
    ftruncateSync: (fd: number) => void (this.#file(fd).text = ''),
    readFileSync: (fd: number) => this.#file(fd).text,
    unlinkSync: (path: string) => {
      if (!this.#files.delete(path)) throw failure('ENOENT', path);
    },
    readdirSync: (folder: string) =>
      [...this.#files.keys()].flatMap((path) =>
        path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1)] : [],
      ),
    lstatSync: (path: string) => ({ uid: process.getuid?.(), mtimeMs: this.#at(path).mtimeMs }),
    statSync: (path: string) => ({ mtimeMs: this.#at(path).mtimeMs }),
  };

  #at(path: string): File {
    const file = this.#files.get(path);
    if (file === undefined) throw failure('ENOENT', path);
    return file;
  }

  #file(fd: number): File {
    const file = this.#open.get(fd);
    if (file === undefined) throw failure('EBADF', String(fd));
    return file;
  }
}

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

export const simDisk = new SimDisk();
