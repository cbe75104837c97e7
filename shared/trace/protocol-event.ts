/**
 * The events of a protocol trace: what gateways, workers, controllers and clients have done, as far as the
 * guarantees speak of it. `docs/protocol-trace.md` has the list for readers.
 *
 * A step that changes Redis is two events: `asked` before the call is sent, and `done` with what came of it,
 * or `failed` if that is not known. Redis took the step at some time between the two. A process that dies in
 * between leaves `asked` alone: the step may have been taken.
 */

/** A step in Redis that was asked for. `call` is unique within its source. */
interface Asked {
  readonly step: 'asked';
  readonly call: number;
}

/** What came of it. */
interface Done<Outcome> {
  readonly step: 'done';
  readonly call: number;
  readonly outcome: Outcome;
}

/** Redis has refused it, or the connection broke: it may have been taken. */
interface Failed {
  readonly step: 'failed';
  readonly call: number;
}

/** A reply or a settled end, which Redis refuses from a worker whose fence was superseded. */
export interface TracedReply {
  readonly id: string;
  /** Of the answer; undefined for the end of a stream. */
  readonly status?: number | undefined;
  /** The code of a problem that ringpost has made. */
  readonly problem?: string | undefined;
}

/** The end of a stream as its worker sends it. */
export interface TracedStreamEnd {
  readonly id: string;
  /** Bytes of the whole answer; undefined if it is aborted, or its length is only in its record. */
  readonly length?: number | undefined;
  readonly aborted: boolean;
}

/** For each kind of step in Redis: what is asked for, and what may come of it. */
export interface Steps {
  /** A worker takes the lease of a replica. `holder` is `S1#4`. */
  'lease.take': {
    readonly ask: {
      readonly replica: string;
      readonly holder: string;
      /** Whether it is the replica's own worker, and not an adopter. */
      readonly own: boolean;
      readonly leaseMs: number;
    };
    /** Undefined if it is not taken. */
    readonly outcome: { readonly fence: number } | undefined;
  };
  /** A lease ends: its worker leaves, or has certainly died. */
  'lease.end': {
    readonly ask: { readonly replica: string; readonly holder: string };
    /** Whether that holder had it. */
    readonly outcome: boolean;
  };
  /** Jobs are added to a queue. */
  add: {
    readonly ask: { readonly replica: string; readonly jobs: readonly AddedJob[] };
    /** How many of them were delivered directly; those that may be come first. */
    readonly outcome: { readonly delivered: number };
  };
  /** The record of an async request is written, before its job is added. */
  accept: { readonly ask: { readonly id: string; readonly replica: string }; readonly outcome: NoteOutcome };
  /** A worker takes waiting jobs, and with them the data that they have then. */
  take: {
    readonly ask: { readonly replica: string; readonly fence: number };
    /** The ids; undefined if the worker was superseded. */
    readonly outcome: readonly string[] | undefined;
  };
  /** A worker notes in the record of a request that it starts. */
  start: { readonly ask: { readonly id: string; readonly attempt: number }; readonly outcome: NoteOutcome };
  /** Replies are put into an inbox. */
  reply: {
    readonly ask: {
      readonly replica: string;
      readonly fence: number;
      readonly replies: readonly TracedReply[];
    };
    /** False if the worker was superseded. */
    readonly outcome: boolean;
  };
  /** The end of a request is noted in its record. */
  settle: {
    readonly ask: {
      readonly replica: string;
      readonly fence: number;
      readonly state: string;
    } & TracedReply;
    readonly outcome: 'settled' | 'endedBefore' | 'superseded' | 'draftLost' | 'streamLost';
  };
  /** A job that has not started is removed. */
  takeBack: {
    readonly ask: { readonly replica: string; readonly id: string };
    readonly outcome: 'taken' | 'lost' | 'no';
  };
  /** A job that waits for another attempt is moved. */
  move: {
    readonly ask: { readonly id: string; readonly from: string; readonly to: string };
    readonly outcome: boolean;
  };
  /** A request is cancelled in its record. */
  cancel: {
    readonly ask: { readonly id: string };
    readonly outcome: 'ended' | 'running' | 'finished' | 'unrecorded';
  };
  /** The job of a request without a record is marked as cancelled. */
  mark: { readonly ask: { readonly id: string }; readonly outcome: boolean };
  /** A request ends in its record if it has not started, so that another one may have its key. */
  endUnstarted: { readonly ask: { readonly id: string }; readonly outcome: boolean };
  /** A worker died while it ran a request that may run again. */
  crash: {
    readonly ask: {
      readonly replica: string;
      readonly id: string;
      readonly death: string;
      /** False if ringpost or a shutdown ended the worker. */
      readonly counts: boolean;
    };
    /** How many crashes it has now; undefined if its job is gone, or the crash was known. */
    readonly outcome: { readonly crashes: number; readonly alone: boolean } | undefined;
  };
  /** A suspect becomes an active job. */
  suspect: {
    readonly ask: {
      readonly replica: string;
      readonly id: string;
      readonly alone: boolean;
      /** It is not run but fails. */
      readonly poison: boolean;
    };
    readonly outcome: boolean;
  };
  /** The heads of streams are sent. */
  'stream.open': {
    readonly ask: { readonly replica: string; readonly fence: number; readonly ids: readonly string[] };
    readonly outcome: boolean;
  };
  /** The ends of streams are sent. */
  'stream.end': {
    readonly ask: {
      readonly replica: string;
      readonly fence: number;
      readonly ends: readonly TracedStreamEnd[];
    };
    readonly outcome: boolean;
  };
  /** The job of a stream becomes active again, so that its run can be taken up. */
  'stream.suspend': {
    readonly ask: { readonly replica: string; readonly fence: number; readonly id: string };
    readonly outcome: 'suspended' | 'gone' | 'superseded';
  };
  /** An idempotency key is claimed for a request. `scope` is a digest. */
  claim: {
    readonly ask: { readonly scope: string; readonly id: string; readonly replaced?: string | undefined };
    /** The id of the request that has the key then. */
    readonly outcome: string;
  };
  /** The remaining life of a claim is set; 0 releases the key. */
  expire: {
    readonly ask: { readonly scope: string; readonly id: string; readonly ttlMs: number };
    readonly outcome: boolean;
  };
}

export type NoteOutcome = 'noted' | 'ended' | 'cancelled' | 'superseded';

/** A job as it was added. */
export interface AddedJob {
  readonly id: string;
  /** `never` for a request that must not be repeated. */
  readonly redelivery: 'safe' | 'never';
  /** Whether it has a record, and no client waits for it. */
  readonly recorded: boolean;
  /** Time until its deadline, in ms. */
  readonly leftMs: number;
  /** Whether it only tries whether a replica works again, and changes nothing. */
  readonly probe?: true;
}

export type StepKind = keyof Steps;

/** The events of a kind of step. */
export type StepEvent<Kind extends StepKind = StepKind> = {
  [K in StepKind]: { readonly kind: K } & (
    | (Asked & { readonly ask: Steps[K]['ask'] })
    | Done<Steps[K]['outcome']>
    | Failed
  );
}[Kind];

/** What a process does by itself. */
export type PointEvent =
  /** The first event of each source. */
  | { readonly kind: 'opened'; readonly role: TraceRole; readonly pid: number; readonly version: 1 }
  /** The source has ended in order. */
  | { readonly kind: 'closed' }
  /** The lease is certainly the worker's until `leaseMs` after `since`, a time like `at`. */
  | {
      readonly kind: 'lease.certain';
      readonly replica: string;
      readonly fence: number;
      readonly since: number;
      readonly leaseMs: number;
    }
  /** The handler is called. */
  | {
      readonly kind: 'begun';
      readonly id: string;
      readonly replica: string;
      readonly fence: number;
      readonly attempt: number;
    }
  /** The handler has answered or thrown. The bytes of its answer may follow. */
  | {
      readonly kind: 'ended';
      readonly id: string;
      readonly replica: string;
      readonly fence: number;
      readonly attempt: number;
      /** 0 if it has thrown. */
      readonly status: number;
    }
  /** A gateway has ended its answer to a client, or the client has left (status 499). */
  | {
      readonly kind: 'told';
      readonly id: string;
      readonly status: number;
      /** The code of a problem that ringpost has made; undefined for an answer of the handler. */
      readonly code?: string | undefined;
      readonly mode: 'wait' | 'async';
      /** Why the gateway broke the answer off; undefined if it did not. */
      readonly aborted?: string | undefined;
      /** Bytes of the body that were sent. */
      readonly bytes: number;
      readonly method: string;
    }
  /** A client sends a request. `client` is its own name for it. */
  | { readonly kind: 'client.asked'; readonly client: string; readonly method: string }
  /** A client has a whole answer. */
  | {
      readonly kind: 'client.told';
      readonly client: string;
      /** The id in the answer; undefined if it has none. */
      readonly id?: string | undefined;
      readonly status: number;
      readonly code?: string | undefined;
    }
  /** Whoever runs the test begins or ends a fault in which Redis may lose writes that it has acknowledged. */
  | { readonly kind: 'redis.fault'; readonly ended: boolean };

export type TraceRole = 'gateway' | 'worker' | 'lease' | 'controller' | 'client';

/** An event before it is written. */
export type ProtocolEvent = StepEvent | PointEvent;

/** An event as a trace has it. */
export type TracedEvent = ProtocolEvent & {
  /** CLOCK_MONOTONIC in us. All processes of one host share it. */
  readonly at: number;
  /** The file that it is from, or another name of one writer. */
  readonly source: string;
};
