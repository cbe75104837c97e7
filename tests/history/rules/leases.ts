import type { Rule } from '../rule.ts';
import { isStep } from '../history.ts';

/** The clocks of Redis and of a worker run at slightly different speeds, in us. */
const toleranceUs = 20_000;

const ms = (us: number): string => `${(us / 1000).toFixed(1)} ms`;

/** No lease is given to a worker while another one still relies on it. */
export const leaseExclusive: Rule = {
  text: 'two workers never hold the lease of a replica at the same time',
  *look(event, step, history) {
    if (event.kind !== 'lease.take' || step === undefined || !isStep(step, 'lease.take')) return;
    const fence = step.outcome?.is?.fence;
    if (event.step !== 'done' || fence === undefined) return;
    const { replica, holder } = step.ask;
    for (const other of history.leases.of(replica)) {
      if (other.fence === fence || other.holder === holder) continue;
      if (other.fence > fence)
        yield {
          of: replica,
          why: `${holder} got the fence ${fence} after ${other.holder} had ${other.fence}`,
        };
      const overlap = other.certainUntil - step.to;
      if (overlap > toleranceUs && other.endedFrom > step.to)
        yield {
          of: replica,
          why: `${holder} took the lease ${ms(overlap)} before that of ${other.holder} was over`,
        };
    }
  },
};

/** A handler is called only by a worker that certainly has the lease. */
export const begunUnderLease: Rule = {
  text: 'a request begins only in a worker that holds the lease',
  *look(event, _, { leases }) {
    if (event.kind !== 'begun') return;
    const { id, replica, fence, at } = event;
    const holding = leases.find(replica, fence);
    if (holding === undefined) {
      yield { of: id, why: `it began under the fence ${fence} of ${replica}, which nobody took` };
      return;
    }
    const { holder } = holding;
    const superseding = leases.supersededBefore(replica, fence, at);
    if (superseding !== undefined) {
      const late = ms(at - superseding.takenTo);
      yield { of: id, why: `it began in ${holder} ${late} after ${superseding.holder} took the lease` };
    } else if (at > holding.certainUntil + toleranceUs)
      yield {
        of: id,
        why: `it began in ${holder} ${ms(at - holding.certainUntil)} after its lease was over`,
      };
  },
};

/** Redis takes nothing from a worker whose lease another one has taken. */
export const supersededSilent: Rule = {
  text: 'nothing that a superseded worker says is taken',
  *look(event, step, { leases }) {
    if (!('step' in event) || event.step !== 'done' || step === undefined) return;
    const taken =
      isStep(step, 'settle') && step.outcome?.is === 'settled'
        ? step
        : (isStep(step, 'reply') || isStep(step, 'stream.open') || isStep(step, 'stream.end')) &&
            step.outcome?.is === true
          ? step
          : isStep(step, 'take') && step.outcome?.is !== undefined
            ? step
            : isStep(step, 'stream.suspend') && step.outcome?.is === 'suspended'
              ? step
              : undefined;
    if (taken === undefined) return;
    const { replica, fence } = taken.ask;
    const superseding = leases.supersededBefore(replica, fence, taken.from);
    if (superseding === undefined) return;
    const late = ms(taken.from - superseding.takenTo);
    yield {
      of: replica,
      why: `Redis took a ${taken.kind} of the fence ${fence} ${late} after ${superseding.holder} took the lease`,
    };
  },
};
