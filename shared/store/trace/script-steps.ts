/** Which scripts are steps of the protocol, and what a protocol trace says of each. */
import { decodeFrame } from '../../contract/frame.ts';
import { parseJob } from '../../contract/job.ts';
import { parseObject } from '../../contract/json-object.ts';
import { adopterOf } from '../../contract/lease.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import type {
  AddedJob,
  StepEvent,
  StepKind,
  Steps,
  TracedReply,
  TracedStreamEnd,
} from '../../trace/protocol-event.ts';
import { addJobs } from '../scripts/add-jobs.ts';
import { claimIdempotency, expireIdempotency } from '../scripts/idempotency.ts';
import { endLease, takeLease } from '../scripts/leases.ts';
import { moveJob } from '../scripts/move-job.ts';
import { pushReplies } from '../scripts/replies.ts';
import { cancelRequest, endUnstarted, markCancelled } from '../scripts/request-ends.ts';
import { acceptRequest, noteAttempt, settleRequest } from '../scripts/request-notes.ts';
import { endStreams, openStreams, suspendStream } from '../scripts/streams.ts';
import type { StreamEnd } from '../scripts/streams.ts';
import { recordCrash, startSuspect } from '../scripts/suspects.ts';
import { takeBack } from '../scripts/take-back.ts';
import { tick } from '../scripts/tick.ts';
import type { TickCall, Ticked } from '../scripts/tick.ts';

type Unnumbered<Event> = Event extends unknown ? Omit<Event, 'step' | 'call'> : never;
type Asked = Unnumbered<Extract<StepEvent, { readonly step: 'asked' }>>;
type Done = Unnumbered<Extract<StepEvent, { readonly step: 'done' }>>;

/** A step that a call of a script takes. */
export interface ScriptStep<Result> {
  readonly asked: Asked;
  readonly done: (result: Result) => Done;
}

/** The part of a script's specification that types its calls and results. */
interface Typed<Call, Result> {
  readonly decode: (reply: unknown, call: Call) => Result;
}

const table = new Map<object, (call: never) => readonly ScriptStep<never>[]>();

function steps<Call, Result>(
  script: Typed<Call, Result>,
  of: (call: Call) => readonly ScriptStep<Result>[],
): void {
  table.set(script, of);
}

function step<Kind extends StepKind, Result>(
  kind: Kind,
  ask: Steps[Kind]['ask'],
  outcome: (result: Result) => Steps[Kind]['outcome'],
): ScriptStep<Result> {
  // The kind goes with what is asked and what comes of it.
  return {
    asked: { kind, ask } as unknown as Asked,
    done: (result) => ({ kind, outcome: outcome(result) }) as unknown as Done,
  };
}

/** @returns the steps that a call takes; none if the script is no part of the protocol. */
export function stepsOf<Result>(script: object, call: unknown): readonly ScriptStep<Result>[] {
  // The table has each script with its own calls and results.
  const of = table.get(script) as ((call: unknown) => readonly ScriptStep<Result>[]) | undefined;
  return of?.(call) ?? [];
}

const same = <Value>(value: Value): Value => value;

steps(takeLease, ({ holder: { replica, generation, adopter }, leaseMs }) => [
  step(
    'lease.take',
    {
      replica,
      holder: adopter ?? adopterOf(replica, generation),
      own: adopter === undefined,
      leaseMs,
    },
    (taken) => (typeof taken === 'string' ? undefined : { fence: taken.fence }),
  ),
]);

steps(endLease, ({ replica, holder }) => [
  step(
    'lease.end',
    { replica, holder: typeof holder === 'number' ? adopterOf(replica, holder) : holder },
    same,
  ),
]);

steps(addJobs, ({ replica, jobs, now }) => {
  const first = jobs.filter(({ deliverable }) => deliverable);
  const others = jobs.filter(({ deliverable }) => !deliverable);
  const added = [...first, ...others].flatMap(({ id, data }) => addedJob(id, data, now));
  return [step('add', { replica, jobs: added }, ({ delivered }) => ({ delivered }))];
});

function addedJob(id: string, data: string, now: number): AddedJob[] {
  const job = parseJob(data);
  if (job === undefined) return [];
  const { redelivery, keepMs, deadline, outlier } = job;
  const probe = outlier?.probe === undefined ? {} : ({ probe: true } as const);
  return [{ id, redelivery, recorded: keepMs !== undefined, leftMs: deadline - now, ...probe }];
}

steps<TickCall, Ticked | undefined>(tick, ({ terms: { lease }, ended, jobLimit }) => {
  const { replica, fence } = lease;
  const replies = ended.flatMap(({ reply }) => (reply === undefined ? [] : repliesIn(reply.frame)));
  const taken: ScriptStep<Ticked | undefined>[] = [];
  if (replies.length > 0)
    taken.push(step('reply', { replica, fence, replies }, (ticked) => ticked !== undefined));
  if (typeof jobLimit === 'number')
    taken.push(step('take', { replica, fence }, (ticked) => ticked?.taken.map(({ id }) => id)));
  return taken;
});

steps(pushReplies, ({ lease: { replica, fence }, frames }) => {
  const replies = frames.flatMap(repliesIn);
  return replies.length === 0 ? [] : [step('reply', { replica, fence, replies }, same)];
});

/** @returns the whole answer of a frame; none if it has another part of an answer. */
function repliesIn(frame: ReplyFrame): TracedReply[] {
  const decoded = decodeFrame(Buffer.from(frame));
  if (decoded.kind !== 'reply') return [];
  const { id, status, problem } = decoded.reply;
  return [{ id, status, problem }];
}

steps(acceptRequest, ({ id, replica }) => [step('accept', { id, replica }, same)]);

steps(noteAttempt, ({ id, event }) =>
  event.kind === 'begun' ? [step('start', { id, attempt: event.attempt ?? 1 }, same)] : [],
);

steps(settleRequest, ({ lease: { replica, fence }, id, frame, state }) => {
  const [reply] = frame.length === 0 ? [] : repliesIn(frame);
  return [step('settle', { replica, fence, state, ...reply, id }, same)];
});

steps(takeBack, ({ replica, id }) => [step('takeBack', { replica, id }, same)]);
steps(moveJob, ({ id, from, to }) => [step('move', { id, from, to }, same)]);
steps(cancelRequest, ({ id }) => [step('cancel', { id }, same)]);
steps(markCancelled, ({ id }) => [step('mark', { id }, same)]);
steps(endUnstarted, ({ id }) => [step('endUnstarted', { id }, same)]);

steps(recordCrash, ({ lease: { replica }, id, death, counts }) => [
  step('crash', { replica, id, death, counts }, (crash) =>
    typeof crash === 'object' ? { crashes: crash.crashes.length, alone: crash.alone } : undefined,
  ),
]);

steps(startSuspect, ({ lease: { replica }, id, startOrder, alone }) => [
  step(
    'suspect',
    { replica, id, alone, poison: startOrder === 'poison' },
    (started) => started !== undefined && started !== 'superseded',
  ),
]);

steps(openStreams, ({ lease: { replica, fence }, heads }) => [
  step('stream.open', { replica, fence, ids: heads.map(({ id }) => id) }, same),
]);

steps(endStreams, ({ lease: { replica, fence }, ends }) => [
  step('stream.end', { replica, fence, ends: ends.map(tracedEnd) }, same),
]);

function tracedEnd({ id, frame }: StreamEnd): TracedStreamEnd {
  const decoded = frame === undefined ? undefined : decodeFrame(Buffer.from(frame));
  if (decoded?.kind === 'end') return { id, aborted: false, length: decoded.length };
  return { id, aborted: decoded !== undefined };
}

steps(suspendStream, ({ lease: { replica, fence }, id }) => [
  step('stream.suspend', { replica, fence, id }, same),
]);

steps(claimIdempotency, ({ scope, claim, replaced }) => [
  step(
    'claim',
    { scope, id: idIn(claim), replaced: replaced === undefined ? undefined : idIn(replaced) },
    idIn,
  ),
]);

steps(expireIdempotency, ({ scope, claim, ttlMs }) => [
  step('expire', { scope, id: idIn(claim), ttlMs }, same),
]);

/** @returns the id of the request that a claim names; '' if it cannot be read. */
function idIn(claim: string): string {
  const id = parseObject(claim)?.['id'];
  return typeof id === 'string' ? id : '';
}
