import { closeSync, constants, lstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { readlinkSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Fenced } from '#shared/contract/fenced.ts';
import { bootId } from './notes-folder.ts';

/** Where the workers of this host note which requests they begin. */
export interface NotesPlace {
  /** In memory, as `findNotesFolder` finds it. */
  readonly folder: string;
  readonly namespace: string;
}

/** The lock on a job, which names the file, lasts half a minute. A file this old, in ms, is of no use. */
const uselessAfterMs = 120_000;
/** The same if it cannot be known whether its worker lives, or if its process may be another one by now. */
const leftOverMs = 3_600_000;
const ours = /^ringpost-notes\..+\.\d+\.\d+$/;

/** @returns the first line of a file of notes. It says who writes the file. */
export function notesHead(): string {
  return `${commonHead()}${pidNamespace()} ${process.pid}\n`;
}

/** The part of it that is the same for all workers since this host has started. */
function commonHead(): string {
  return `ringpost notes 1 ${bootId()} `;
}

/** @param at the number of the file: a worker begins a new one from time to time. */
export function notesFile({ folder, namespace }: NotesPlace, { replica, fence }: Fenced, at: number): string {
  return join(folder, `${prefixOf(namespace, replica)}${fence}.${at}`);
}

/**
 * Reads which requests a worker has noted. Call this once it can begin no more of them: the caller has taken
 * the lease after it.
 * @param worker the lease by which that worker served the queue.
 * @returns undefined if it has no file on this host, or one that cannot be read.
 */
export function readNotes(place: NotesPlace, worker: Fenced): ReadonlySet<string> | undefined {
  const ids = new Set<string>();
  let count = 0;
  try {
    const prefix = `${prefixOf(place.namespace, worker.replica)}${worker.fence}.`;
    for (const name of readdirSync(place.folder)) {
      if (!name.startsWith(prefix)) continue;
      const text = readOwn(join(place.folder, name));
      if (text === undefined) continue;
      const head = text.indexOf('\n') + 1;
      if (head === 0 || !text.startsWith(commonHead())) return undefined;
      count += 1;
      // The last line may be cut off: its request was not begun.
      for (const id of text.slice(head).split('\n')) if (id !== '') ids.add(id);
    }
  } catch {
    return undefined;
  }
  return count === 0 ? undefined : ids;
}

/**
 * Removes files that no worker will read: those of workers that have ended and that served a queue before,
 * or whose last note is old. A worker of another system may have the same names, so its files stay while it
 * lives.
 */
export function removeOldNotes({ folder, namespace }: NotesPlace, { replica, fence }: Fenced): void {
  const prefix = prefixOf(namespace, replica);
  const files = readdirSync(folder).filter((name) => ours.test(name));
  // The older file of a worker goes first: alone it would not say everything.
  for (const name of files.toSorted((one, other) => numberOf(one) - numberOf(other))) {
    const path = join(folder, name);
    try {
      const writer = writerOf(readOwn(path));
      const isBefore = name.startsWith(prefix) && Number(name.slice(prefix.length).split('.')[0]) < fence;
      const ageMs = Date.now() - statSync(path).mtimeMs;
      const isUseless = writer === 'ended' && ageMs > uselessAfterMs;
      if ((isBefore && writer !== 'lives') || isUseless || ageMs > leftOverMs) unlinkSync(path);
    } catch {
      // It is gone, or another user's.
    }
  }
}

/** @returns whether the worker that has written a file lives; `unseen` in another container. */
function writerOf(text = ''): 'lives' | 'ended' | 'unseen' {
  const head = text.slice(0, text.indexOf('\n') + 1);
  if (!head.startsWith(commonHead())) return 'ended';
  const [namespace, pid] = head.slice(commonHead().length).trim().split(' ');
  if (namespace !== pidNamespace()) return 'unseen';
  try {
    process.kill(Number(pid), 0);
    return 'lives';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? 'lives' : 'ended';
  }
}

/** Two processes see one another by their ids if this is the same. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function prefixOf(namespace: string, replica: string): string {
  const [first, second] = [namespace, replica].map((each) => encodeURIComponent(each).replaceAll('.', '%2E'));
  return `ringpost-notes.${first}.${second}.`;
}

function numberOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('.') + 1));
}

/** @returns undefined for what another user has put there, which may be a pipe that nobody writes to. */
function readOwn(path: string): string | undefined {
  if (lstatSync(path).uid !== process.getuid?.()) return undefined;
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
