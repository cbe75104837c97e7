import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { StreamCounts } from '../streams/stream-counts.ts';

/** The streams of a gateway. */
export interface StreamFigures {
  /** How many are open. */
  readonly size: number;
  readonly counts: StreamCounts;
}

/** The kept streams that clients of a gateway read. */
export interface KeptFigures {
  /** How many clients read them. */
  readonly readers: number;
}

interface StreamCounter {
  readonly name: string;
  readonly help: string;
  readonly value: (counts: StreamCounts) => number;
}

const counters: readonly StreamCounter[] = [
  {
    name: 'ringpost_streams_total',
    help: 'Live streams whose head was sent to a client',
    value: ({ begun }) => begun,
  },
  {
    name: 'ringpost_stream_bytes_total',
    help: 'Bytes of live streams that have arrived from workers',
    value: ({ bytes }) => bytes,
  },
  {
    name: 'ringpost_stream_chunks_total',
    help: 'Chunks of live streams that have arrived from workers, besides those with their heads',
    value: ({ chunks }) => chunks,
  },
  {
    name: 'ringpost_stream_frames_dropped_total',
    help: 'Frames of streams that came twice, late, or for nobody',
    value: ({ dropped }) => dropped,
  },
];

/** Adds the metrics of streams. They are read when they are asked for. */
export function registerStreamMetrics(registry: Registry, streams: StreamFigures, kept: KeptFigures): void {
  const registers = [registry];
  const open: Gauge = new Gauge({
    name: 'ringpost_open_streams',
    help: 'Live streams that are being sent to clients',
    registers,
    collect: () => open.set(streams.size),
  });
  const readers: Gauge = new Gauge({
    name: 'ringpost_stream_readers',
    help: 'Clients that read kept streams, or wait for their next bytes',
    registers,
    collect: () => readers.set(kept.readers),
  });
  for (const { name, help, value } of counters) {
    const counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        counter.reset();
        counter.inc(value(streams.counts));
      },
    });
  }
  const aborted = new Counter({
    name: 'ringpost_streams_aborted_total',
    help: 'Streams to clients, live and kept, that were broken off, by cause',
    labelNames: ['cause'],
    registers,
    collect: () => {
      aborted.reset();
      for (const [cause, count] of streams.counts.aborted) aborted.labels(cause).inc(count);
    },
  });
}
