import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { TracedEvent } from '#shared/trace/protocol-event.ts';

const chunkBytes = 64 * 1024;

/**
 * Reads the events of one writer, in their order. A last line that is not whole is left out: the writer was
 * killed while it wrote it.
 * @throws {SyntaxError} if another line is no JSON.
 */
function* readSource(folder: string, file: string): Generator<TracedEvent> {
  const source = file.slice(0, -'.jsonl'.length);
  const fd = openSync(join(folder, file), 'r');
  try {
    const chunk = Buffer.alloc(chunkBytes);
    const decoder = new StringDecoder('utf8');
    let rest = '';
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      const lines = (rest + decoder.write(chunk.subarray(0, read))).split('\n');
      rest = lines.pop() ?? '';
      // Only traces write them.
      for (const line of lines) yield { ...(JSON.parse(line) as TracedEvent), source };
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a protocol trace, without holding more of it in memory than a line of each file.
 * @param folder the value of `PROTOCOL_TRACE`.
 * @returns the events of all writers in the order of their times.
 */
export function* readTrace(folder: string): Generator<TracedEvent> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  const heap = files
    .map((file) => new Reader(readSource(folder, file)))
    .filter((reader) => reader.next !== undefined);
  heap.sort((one, other) => one.at - other.at);
  while (heap.length > 0) {
    const [reader] = heap;
    if (reader?.next === undefined) return;
    yield reader.next;
    reader.advance();
    if (reader.next === undefined) heap.shift();
    else sink(heap);
  }
}

class Reader {
  readonly #events: Generator<TracedEvent>;
  next: TracedEvent | undefined;

  constructor(events: Generator<TracedEvent>) {
    this.#events = events;
    this.advance();
  }

  get at(): number {
    return this.next?.at ?? Number.POSITIVE_INFINITY;
  }

  advance(): void {
    const { done, value } = this.#events.next();
    this.next = done === true ? undefined : value;
  }
}

/** Moves the first reader to its place among the others, which are in order. */
function sink(readers: Reader[]): void {
  const [first] = readers;
  if (first === undefined) return;
  let at = 0;
  for (let next = readers[1]; next !== undefined && next.at < first.at; next = readers[at + 1]) {
    readers[at] = next;
    at += 1;
  }
  readers[at] = first;
}
