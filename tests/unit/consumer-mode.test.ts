import { describe, expect, it } from 'vitest';
import { ConsumerMode } from '../../worker/queue/consumer-mode.ts';

const concurrency = 10;

/** Announces the mode, as a tick that Redis has answered does. @returns what was announced. */
function announce(mode: ConsumerMode): ReturnType<ConsumerMode['jobLimit']> {
  const limit = mode.jobLimit(concurrency);
  mode.acknowledge();
  return limit;
}

describe('the mode of a consumer', () => {
  it('announces its slots while it takes jobs', () => {
    const mode = new ConsumerMode();
    expect([mode.takesJobs, mode.isUnannounced, announce(mode)]).toEqual([true, false, concurrency]);
  });

  it('takes no jobs while it is paused, and is unannounced until Redis knows that', () => {
    const mode = new ConsumerMode();
    mode.pause();
    expect([mode.takesJobs, mode.isUnannounced]).toEqual([false, true]);
    expect([announce(mode), mode.isUnannounced]).toEqual(['paused', false]);
    mode.resume();
    expect([mode.takesJobs, mode.isUnannounced, announce(mode)]).toEqual([true, true, concurrency]);
  });

  it('stays unannounced if it changes while a tick is under way', () => {
    const mode = new ConsumerMode();
    mode.pause();
    mode.jobLimit(concurrency);
    mode.resume();
    mode.acknowledge();
    expect([mode.isUnannounced, announce(mode), mode.isUnannounced]).toEqual([true, concurrency, false]);
  });

  it('announces once that it leaves, and never takes jobs again', () => {
    const mode = new ConsumerMode();
    mode.leave();
    expect([mode.hasLeft, announce(mode), mode.hasLeft, announce(mode)]).toEqual([
      false,
      'leaving',
      true,
      'left',
    ]);
    mode.resume();
    mode.pause();
    expect([mode.takesJobs, mode.hasLeft, mode.isUnannounced]).toEqual([false, true, false]);
  });
});
