import { isStep } from '../history.ts';
import type { RequestHistory, Step } from '../history.ts';
import type { Rule } from '../rule.ts';

/** A request that must not be repeated is run once, whatever dies. */
export const unsafeOnce: Rule = {
  text: 'an unsafe request begins at most once',
  *look(event, _, history) {
    if (event.kind !== 'begun') return;
    const { job, begins } = history.request(event.id);
    const [first] = begins;
    if (job?.redelivery !== 'never' || job.probe === true || begins.length < 2 || first === undefined) return;
    const where = begins.map(({ source, fence }) => `${source} (${fence})`).join(', ');
    yield { of: event.id, why: `it began ${begins.length} times: in ${where}`, dependsOn: first.at };
  },
};

/** One request has one attempt at a time, and so has one idempotency key. */
export const oneAttempt: Rule = {
  text: 'a request, and an idempotency key, has one attempt at a time',
  *look(event, _, history) {
    if (event.kind !== 'begun') return;
    const { scope } = history.request(event.id);
    const ids = scope === undefined ? [event.id] : (history.scopes.get(scope) ?? [event.id]);
    for (const id of ids) {
      for (const begin of history.request(id).begins) {
        const isThis = begin.at === event.at && begin.source === event.source && id === event.id;
        if (isThis || begin.endedAt <= event.at) continue;
        // A frozen worker cannot stop its handler. It has lost its lease, and nobody takes its answer.
        if (history.leases.mayBeOver(begin.replica, begin.fence, event.at)) continue;
        const other = id === event.id ? 'an earlier attempt' : `${id}, which has the same key,`;
        yield {
          of: event.id,
          why: `it began in ${event.source} while ${other} ran in ${begin.source}`,
          dependsOn: begin.at,
        };
      }
    }
  },
};

/** @returns whether a step confirms that the request does not begin any more. */
function confirms(step: Step): boolean {
  if (step.outcome === undefined) return false;
  if (isStep(step, 'cancel')) return step.outcome.is === 'ended' || step.outcome.is === 'running';
  if (isStep(step, 'takeBack')) return step.outcome.is !== 'no';
  return step.outcome.is === true;
}

/** @returns whether a request may still begin after a confirmed stop, since it was under way before. */
function wasUnderWay(request: RequestHistory, stop: RequestHistory['stops'][number]): boolean {
  if (isStep(stop, 'cancel')) {
    // The note that it starts may have been taken before the wish was.
    return stop.outcome?.is === 'running' && request.start !== undefined && request.start.from <= stop.to;
  }
  if (isStep(stop, 'takeBack')) return request.adds.some(({ to }) => to >= stop.from);
  // The mark is on the data of its job, which a worker may have read before. The stock consumer reads it
  // without a trace.
  if (isStep(stop, 'mark')) return (request.reads.at(-1)?.from ?? 0) <= stop.to;
  return false;
}

/** What was cancelled, or taken back, stays so. */
export const cancelledStays: Rule = {
  text: 'a cancelled request does not begin after its cancellation was confirmed',
  *look(event, _, history) {
    if (event.kind !== 'begun') return;
    const request = history.request(event.id);
    for (const stop of request.stops) {
      if (!confirms(stop) || stop.to >= event.at || wasUnderWay(request, stop)) continue;
      const late = ((event.at - stop.to) / 1000).toFixed(1);
      yield {
        of: event.id,
        why: `it began in ${event.source} ${late} ms after a ${stop.kind}`,
        dependsOn: stop.to,
      };
    }
  },
};

/** As `request-crashes.ts` has it. */
const maxCrashes = 5;

/**
 * @returns the step that made a request run alone, if it was running alone for all that is known when its
 * worker died; undefined if it had ended before, or was put back and may have begun again since.
 */
function loneRunBefore(request: RequestHistory, crash: Step<'crash'>): Step<'suspect'> | undefined {
  const run = request.suspects.findLast((each) => each.outcome?.is === true && each.to < crash.from);
  if (run === undefined || !run.ask.alone || run.ask.poison) return undefined;
  if (request.crashes.some((each) => each !== crash && each.to > run.from)) return undefined;
  // Its own begin may have the time of its note.
  const begins = request.begins.filter(
    ({ at, source }) => at > run.from || (at === run.from && source === run.source),
  );
  return begins.length > 1 || begins.some(({ endedAt }) => endedAt < crash.from) ? undefined : run;
}

/** What kills its workers is found out, and never runs again. */
export const killerConvicted: Rule = {
  text: `a request that kills its workers is convicted by one death alone, or by ${maxCrashes} deaths`,
  *look(event, step, history) {
    if (event.kind === 'begun') {
      for (const { to, outcome } of history.request(event.id).crashes) {
        const crash = outcome?.is;
        if (crash === undefined || to >= event.at) continue;
        if (!crash.alone && crash.crashes < maxCrashes) continue;
        const why = `it began in ${event.source} although it was convicted after ${crash.crashes} deaths`;
        yield { of: event.id, why, dependsOn: to };
      }
      return;
    }
    if (step === undefined || !isStep(step, 'crash')) return;
    const crash = step.outcome?.is;
    if (crash === undefined) return;
    const { crashes, alone } = crash;
    const { id, counts } = step.ask;
    if (crashes > maxCrashes) yield { of: id, why: `it has had ${crashes} deaths and was not convicted` };
    const run = alone || !counts ? undefined : loneRunBefore(history.request(id), step);
    if (run !== undefined) {
      const why = `its worker died while it ran alone in ${run.source}, and it was not convicted`;
      yield { of: id, why, dependsOn: run.to };
    }
  },
  *end(history) {
    for (const request of history.requests.values()) {
      const convicted = request.crashes.find(({ outcome }) => {
        const crash = outcome?.is;
        return crash !== undefined && (crash.alone || crash.crashes >= maxCrashes);
      });
      if (convicted === undefined || convicted.to > history.now - 30_000_000) continue;
      if (request.answers.length > 0 || request.told !== undefined || request.stops.some(confirms)) continue;
      yield { of: request.id, why: 'it was convicted, and nobody was told' };
    }
  },
};
