import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Fenced } from '#shared/contract/fenced.ts';
import { bootId } from './notes-folder.ts';

/** Where the workers of this host note which requests they begin. */
export interface NotesPlace {
  /** In memory, as `findNotesFolder` finds it. */
  readonly folder: string;
  readonly namespace: string;
}

/** A file that is this old belongs to a system that is gone, in ms. If not, a worker takes it for missing. */
const leftOverMs = 24 * 3_600_000;
const ours = /^ringpost-notes\..+\.\d+\.\d+$/;

/** @returns the first line of a file of notes. */
export function notesHead(): string {
  return `ringpost notes 1 ${bootId()}\n`;
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
  try {
    const prefix = `${prefixOf(place.namespace, worker.replica)}${worker.fence}.`;
    const files = readdirSync(place.folder).filter((name) => name.startsWith(prefix));
    if (files.length === 0) return undefined;
    for (const name of files) {
      const text = readOwn(join(place.folder, name));
      if (text?.startsWith(notesHead()) !== true) return undefined;
      // The last line may be cut off: its request was not begun.
      for (const id of text.slice(notesHead().length).split('\n')) if (id !== '') ids.add(id);
    }
  } catch {
    return undefined;
  }
  return ids;
}

/** Removes the files of the workers that served a queue before, and those that were left long ago. */
export function removeOldNotes({ folder, namespace }: NotesPlace, { replica, fence }: Fenced): void {
  const prefix = prefixOf(namespace, replica);
  const files = readdirSync(folder).filter((name) => ours.test(name));
  // The older file of a worker goes first: alone it would not say everything.
  for (const name of files.toSorted((one, other) => numberOf(one) - numberOf(other))) {
    const path = join(folder, name);
    try {
      const before = name.startsWith(prefix) && Number(name.slice(prefix.length).split('.')[0]) < fence;
      if (before || Date.now() - statSync(path).mtimeMs > leftOverMs) unlinkSync(path);
    } catch {
      // It is gone, or another user's.
    }
  }
}

function prefixOf(namespace: string, replica: string): string {
  const [first, second] = [namespace, replica].map((each) => encodeURIComponent(each).replaceAll('.', '%2E'));
  return `ringpost-notes.${first}.${second}.`;
}

function numberOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('.') + 1));
}

/** @returns undefined for what another user may have put there. */
function readOwn(path: string): string | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(file);
    return stat.isFile() && stat.uid === process.getuid?.() ? readFileSync(file, 'utf8') : undefined;
  } finally {
    closeSync(file);
  }
}
