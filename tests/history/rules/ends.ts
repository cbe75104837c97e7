import { isStep } from '../history.ts';
import type { Answered, RequestHistory, Step } from '../history.ts';
import type { Rule } from '../rule.ts';

/** How long after its deadline a request may be without an end, in us. */
const graceUs = 30_000_000;

/** @returns whether Redis has taken an answer, as far as is known. */
function mayBeTaken({ step }: Answered): boolean {
  if (step.outcome === undefined) return true;
  return isStep(step, 'settle') ? step.outcome.is !== 'superseded' : step.outcome.is;
}

/** Whether the worker of an answer had begun the request before. */
function isOfRun({ begins }: RequestHistory, { step: { ask, from } }: Answered): boolean {
  return begins.some(
    ({ at, replica, fence }) => at <= from && replica === ask.replica && fence === ask.fence,
  );
}

/** No client gets an answer that no run has given. */
export const toldFromRun: Rule = {
  text: 'an answer stems from a run of that request, whose worker held the lease when it ended',
  *look(event, _, history) {
    if (event.kind !== 'told' || event.code !== undefined || event.mode !== 'wait') return;
    if (event.status === 499 || event.aborted !== undefined) return;
    const request = history.request(event.id);
    const answered = request.answers.filter((each) => each.step.from <= event.at && mayBeTaken(each));
    if (answered.length === 0)
      yield { of: event.id, why: `a client got ${event.status}, but no worker has answered` };
    else if (!answered.some((each) => isOfRun(request, each)))
      yield {
        of: event.id,
        why: `a client got ${event.status}, but the worker that answered did not run it`,
      };
  },
};

/** @returns what has ended a request with a record for good. */
function finalsOf(request: RequestHistory): Step[] {
  const settled = request.settles.filter(({ outcome }) => outcome?.is === 'settled');
  const stopped = request.stops.filter(
    (step) =>
      (isStep(step, 'cancel') && step.outcome?.is === 'ended') ||
      (isStep(step, 'endUnstarted') && step.outcome?.is === true),
  );
  return [...settled, ...stopped];
}

/** The record of an async request comes to one end. */
export const oneEnd: Rule = {
  text: 'an accepted async request ends in exactly one final state',
  *look(event, step, history) {
    if (!('step' in event) || event.step !== 'done' || step === undefined) return;
    if (!isStep(step, 'settle') && !isStep(step, 'cancel')) return;
    const request = history.request(step.ask.id);
    const finals = finalsOf(request);
    const last = finals.at(-1);
    // `endUnstarted` is true again for a request that it has ended before.
    const others = finals.filter((final) => final !== step && !isStep(final, 'endUnstarted'));
    const [first] = others;
    if (last === undefined || first === undefined || !finals.includes(step)) return;
    const whats = [first, step].map((each) => (isStep(each, 'settle') ? each.ask.state : 'cancelled'));
    yield {
      of: request.id,
      why: `it ended as ${whats.join(' and then as ')}`,
      dependsOn: Math.min(first.to, step.to),
    };
  },
  *end(history) {
    for (const request of history.requests.values()) {
      const { job, accept, adds, stops } = request;
      const add = adds.findLast(({ outcome }) => outcome !== undefined);
      if (job?.recorded !== true || accept?.outcome?.is !== 'noted' || add === undefined) continue;
      if (finalsOf(request).length > 0 || request.settles.some(({ outcome }) => outcome === undefined))
        continue;
      if (stops.some((step) => isStep(step, 'takeBack') && step.outcome?.is !== 'no')) continue;
      if (history.now < add.to + job.leftMs * 1000 + graceUs) continue;
      yield { of: request.id, why: 'it was accepted and has no end', dependsOn: add.to };
    }
  },
};

/**
 * Who waits is told how it ended, unless the gateway died. A gateway notes that after the client has the
 * answer, so the client's own word counts too.
 */
export const answered: Rule = {
  text: 'a request whose client waits is answered or reported',
  *end(history) {
    for (const { id, job, adds, told, clientTold } of history.requests.values()) {
      const [first] = adds;
      if (first === undefined || job?.recorded === true || (told ?? clientTold) !== undefined) continue;
      if (!history.closed.has(first.source)) continue;
      yield { of: id, why: `${first.source} has added its job, and its client was told nothing` };
    }
  },
};

/** A stream that ends cleanly is whole. */
export const streamWhole: Rule = {
  text: 'a stream that ends cleanly has all its bytes',
  *look(event, _, history) {
    if (event.kind !== 'told' || event.status === 499 || event.aborted !== undefined) return;
    const { answers, streamEnds } = history.request(event.id);
    // The whole answer may have come from a later run, after the head of a stream was lost on its way.
    const last = answers.findLast(({ step }) => step.from <= event.at);
    if (last === undefined || !isStep(last.step, 'stream.open') || event.code !== undefined) return;
    const ends = streamEnds.flatMap(({ from, ask }) => (from <= event.at ? ask.ends : []));
    const own = ends.filter(({ id, aborted }) => id === event.id && !aborted);
    if (own.length === 0) yield { of: event.id, why: 'its stream ended cleanly, but its worker ended none' };
    else if (
      event.method !== 'HEAD' &&
      !own.some(({ length }) => length === undefined || length === event.bytes)
    ) {
      const sent = own.map(({ length }) => length).join(', ');
      yield { of: event.id, why: `its stream ended cleanly after ${event.bytes} bytes of ${sent}` };
    }
  },
};

/** What a client says it got is what its gateway says it sent. */
export const sameForClient: Rule = {
  text: 'what a client was told is what a gateway has said, of a request that has run',
  *look(event, _, history) {
    // The client may know before its gateway has noted the end.
    if (event.kind !== 'client.told' && event.kind !== 'told') return;
    if (event.id === undefined) return;
    const { told, clientTold, answers, adds } = history.request(event.id);
    if (clientTold === undefined) return;
    const { client, status } = clientTold;
    if (told !== undefined && told.status !== status && told.status !== 499)
      yield { of: event.id, why: `${client} got ${status}, its gateway sent ${told.status}` };
    if (event.kind === 'told') return;
    const isSuccess = status >= 200 && status < 300 && status !== 202;
    if (isSuccess && adds.length > 0 && answers.length === 0)
      yield { of: event.id, why: `${client} got ${status}, but no worker has answered` };
  },
};
