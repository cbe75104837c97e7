import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { BegunNotes, notingFence } from '../../worker/notes/begun-notes.ts';
import type { Noting } from '../../worker/notes/begun-notes.ts';
import { notesFile, notesHead, readNotes, removeOldNotes } from '../../worker/notes/notes-files.ts';
import type { NotesPlace } from '../../worker/notes/notes-files.ts';
import { findNotesFolder } from '../../worker/notes/notes-folder.ts';

const lease = { replica: 'S1', fence: 7 };
let folder = '';

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'ringpost-notes-'))));
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const place = (): NotesPlace => ({ folder, namespace: 'ns' });

const noting = (where: NotesPlace): Noting => ({ place: where, running: () => ['streams'], leaseMs: 3000 });

function begin(held: () => Iterable<string> = () => []): BegunNotes {
  const notes = new BegunNotes({ noting: noting(place()), lease, held, log: createLogger('test', 'silent') });
  notes.open();
  return notes;
}

const read = (fence = lease.fence): string[] | undefined => {
  const ids = readNotes(place(), { replica: 'S1', fence });
  return ids && [...ids].toSorted();
};

it('another process reads what a worker has noted', () => {
  const notes = begin();
  expect(read()).toEqual([]);
  notes.note(['one', 'two']);
  notes.note(['three']);
  expect(read()).toEqual(['one', 'three', 'two']);
  expect(notingFence(notes.token)).toBe(7);
});

it('says nothing of a worker that has no file', () => {
  begin().note(['one']);
  expect(read(8)).toBeUndefined();
  expect(readNotes(place(), { replica: 'S2', fence: 7 })).toBeUndefined();
  expect(readNotes({ ...place(), namespace: 'other' }, lease)).toBeUndefined();
  expect(readNotes({ ...place(), folder: join(folder, 'none') }, lease)).toBeUndefined();
});

it('names of replicas and namespaces are not mixed up', () => {
  const notes = new BegunNotes({
    noting: noting({ folder, namespace: 'a.S1' }),
    lease: { replica: '7', fence: 9 },
    held: () => [],
    log: createLogger('test', 'silent'),
  });
  notes.open();
  removeOldNotes({ folder, namespace: 'a' }, { replica: 'S1', fence: 100 });
  expect(readNotes({ folder, namespace: 'a.S1' }, { replica: '7', fence: 9 })).toEqual(new Set());
});

it.each([
  ['that another run of the kernel wrote', 'ringpost notes 1 another-boot\none\n'],
  ['that is empty', ''],
])('cannot read a file %s', (_, text) => {
  writeFileSync(notesFile(place(), lease, 1), text);
  expect(read()).toBeUndefined();
});

it('a line that was cut off is none of a request that began', () => {
  writeFileSync(notesFile(place(), lease, 1), `${notesHead()}one\ntw`);
  expect(read()).toEqual(['one', 'tw']);
});

it('only its user can read a file', () => {
  begin();
  expect(statSync(notesFile(place(), lease, 1)).mode & 0o777).toBe(0o600);
});

it('keeps what is held however long it runs, and what has ended for half a minute', () => {
  vi.useFakeTimers();
  const held = new Set(['long']);
  const notes = begin(() => held);
  notes.note(['long', 'short']);
  vi.advanceTimersByTime(31_000);
  notes.note(['second']);
  expect(read()).toEqual(['long', 'second', 'short', 'streams']);
  vi.advanceTimersByTime(31_000);
  notes.note(['third']);
  expect(read()).toEqual(['long', 'second', 'streams', 'third']);
  expect(readdirSync(folder)).toHaveLength(2);
});

it('takes a bounded space', () => {
  const notes = begin();
  const ids = Array.from({ length: 256 }, (_, at) => `${at}-${'x'.repeat(60)}`);
  for (let at = 0; at < 4000; at += 1) notes.note(ids);
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  expect(sizes).toHaveLength(2);
  expect(Math.max(...sizes)).toBeLessThan(1.1 * 2 ** 22);
});

it('removes its files at a clean end, and leaves them if another worker has to read them', () => {
  const notes = begin();
  notes.note(['one']);
  notes.leave();
  expect(read()).toEqual(['one']);
  notes.close();
  expect(readdirSync(folder)).toEqual([]);
});

it('if it cannot write, there is no file, so that everything counts as begun', () => {
  const notes = begin();
  notes.note(['one']);
  writeFileSync(notesFile(place(), lease, 2), 'in the way');
  // The file is old enough to be replaced.
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 40_000);
  notes.note(['two']);
  expect(notes.isOpen).toBe(false);
  expect(read()).toBeUndefined();
  vi.restoreAllMocks();
});

/** A file whose last note is of some time ago. */
function leave(namespace: string, fence: number, pid: number, agoS: number): string {
  const path = notesFile({ folder, namespace }, { replica: 'S1', fence }, 1);
  writeFileSync(path, notesHead().replace(/\d+\n$/, `${pid}\n`));
  utimesSync(path, Date.now() / 1000 - agoS, Date.now() / 1000 - agoS);
  return path;
}

it('the next worker removes the files of those before it, and those that nobody will read', () => {
  const { pid: ended } = spawnSync('true');
  const before = leave('ns', 7, ended, 1);
  leave('gone', 7, ended, 130);
  leave('gone', 8, process.pid, 3700);
  const kept = [leave('other', 7, ended, 100), leave('lives', 7, process.pid, 3500)];
  const files = (): string[] => readdirSync(folder).map((name) => join(folder, name));
  removeOldNotes(place(), { replica: 'S1', fence: 7 });
  expect(files().toSorted()).toEqual([...kept, before].toSorted());
  removeOldNotes(place(), { replica: 'S1', fence: 8 });
  expect(files().toSorted()).toEqual(kept.toSorted());
});

it('a worker that lives keeps its file, since another system may have the same names', () => {
  begin().note(['one']);
  removeOldNotes(place(), { replica: 'S1', fence: 8 });
  expect(read()).toEqual(['one']);
});

it('a host has no more files after a thousand kills than it has replicas', () => {
  const { pid } = spawnSync('true');
  const names = Array.from({ length: 1000 }, (_, at) => (at < 500 ? 'S1' : `S${at}`));
  for (const [at, replica] of names.entries()) {
    const fence = 100 + at;
    removeOldNotes(place(), { replica, fence });
    const path = notesFile(place(), { replica, fence }, 1);
    writeFileSync(path, notesHead().replace(/\d+\n$/, `${pid}\n`));
    // A worker dies every ten seconds.
    for (const name of readdirSync(folder)) {
      const { mtimeMs } = statSync(join(folder, name));
      utimesSync(join(folder, name), mtimeMs / 1000 - 10, mtimeMs / 1000 - 10);
    }
  }
  expect(readdirSync(folder).length).toBeLessThanOrEqual(13);
});

it('a pipe in the place of a file holds nobody up', () => {
  expect(spawnSync('mkfifo', [notesFile(place(), lease, 1)]).status).toBe(0);
  expect(read()).toBeUndefined();
});

it('what another user has put there is neither read nor in the way', (context) => {
  begin().note(['one']);
  const other = notesFile(place(), lease, 2);
  writeFileSync(other, 'ringpost notes 1 another-boot 1 1\n');
  if (process.getuid?.() !== 0) context.skip('only root can give a file to another user');
  chownSync(other, 12_345, 12_345);
  expect(read()).toEqual(['one']);
});

it('finds no place that is not in memory', () => {
  // The folder of this test may be anywhere, but no host has its memory at these places.
  expect(findNotesFolder({ XDG_RUNTIME_DIR: '/proc' })).not.toBe('/proc');
  expect(['/run/ringpost', '/dev/shm', undefined]).toContain(findNotesFolder({}));
});

it('uses no folder that ends with the container of the worker', () => {
  expect(['/run/ringpost', undefined]).toContain(findNotesFolder({ XDG_RUNTIME_DIR: '/dev/shm' }, true));
});

it('a worker without a place notes nothing, and its locks say so', () => {
  const log = createLogger('test', 'silent');
  const notes = new BegunNotes({ noting: undefined, lease, held: () => [], log });
  notes.open();
  notes.note(['one']);
  expect(notes.isOpen).toBe(false);
  expect(notingFence(notes.token)).toBeUndefined();
});
