import { describe, expect, it } from 'vitest';
import { createKeys } from '#shared/store/keys/keys.ts';
import { createRingKeys } from '#shared/store/keys/ring-keys.ts';
import { keyPatternsBesideRing } from '#shared/store/keys/key-patterns.ts';
import { callbackEntry, keyEntry, parseEntry, timeEntry } from '#shared/store/keys/index-entries.ts';

const uuid = '01234567-89ab-cdef-0123-456789abcdef';
/** The id of a request that was accepted for S1. */
const id = `${uuid}.S1`;
const keys = createKeys('ns');

/** Processes of two versions run side by side while one replaces the other, so names do not change. */
describe('the name of a key does not change', () => {
  it('if it belongs to the ring', () => {
    expect(createRingKeys('ns')).toEqual({
      configKey: 'ns:{ring}:config-key',
      parameters: 'ns:{ring}:parameters',
      settings: 'ns:{ring}:settings',
      version: 'ns:{ring}:version',
      joined: 'ns:{ring}:joined',
      desired: 'ns:{ring}:desired',
      ring: 'ns:{ring}:ring',
      retired: 'ns:{ring}:retired',
      drained: 'ns:{ring}:drained',
      restarts: 'ns:{ring}:restarts',
      slowStarts: 'ns:{ring}:slow-starts',
      autoscale: 'ns:{ring}:autoscale',
      ejections: 'ns:{ring}:ejections',
      joining: 'ns:{ring}:joining',
      tombstones: 'ns:{ring}:tombstones',
      upstreams: 'ns:{ring}:upstreams',
      upstreamPositions: 'ns:{ring}:upstream-positions',
      heirs: 'ns:{ring}:heirs',
      offered: 'ns:{ring}:offered',
      status: 'ns:{ring}:status',
      leader: 'ns:{ring}:leader',
      fence: 'ns:{ring}:fence',
      gateways: 'ns:{ring}:gateways',
      gatewayCounts: 'ns:{ring}:gateway-counts',
      countsWanted: 'ns:{ring}:counts-wanted',
      changes: 'ns:{ring}:changes',
      retries: 'ns:{ring}:retries',
    });
  });

  it.each<readonly [unknown, unknown]>([
    [keys.counts, 'ns:{+counts}'],
    [keys.announcements, 'ns:{+joins}:announcements'],
    [keys.departures, 'ns:{+joins}:departures'],
    [keys.queue('S2'), '{S2}'],
    [keys.replica('S2'), 'ns:{S2}'],
    [
      keys.unfinished('S2'),
      {
        wait: 'ns:{S2}:wait',
        active: 'ns:{S2}:active',
        prioritized: 'ns:{S2}:prioritized',
        delayed: 'ns:{S2}:delayed',
      },
    ],
    [keys.job('S2', id), `ns:{S2}:${id}`],
    [keys.jobLock('S2', id), `ns:{S2}:${id}:lock`],
    [keys.marker('S2'), 'ns:{S2}:marker'],
    [keys.bullMq('{+callbacks}', 'wait'), 'ns:{+callbacks}:wait'],
    [keys.queueState('S2'), ['ns:{S2}:meta', 'ns:{S2}:events', 'ns:{S2}:id', 'ns:{S2}:marker']],
    [
      keys.addStandardJob('S2'),
      [
        'ns:{S2}:wait',
        'ns:{S2}:paused',
        'ns:{S2}:meta',
        'ns:{S2}:id',
        'ns:{S2}:completed',
        'ns:{S2}:delayed',
        'ns:{S2}:active',
        'ns:{S2}:events',
        'ns:{S2}:marker',
      ],
    ],
    [
      keys.moveToFinished('S2'),
      [
        'ns:{S2}:wait',
        'ns:{S2}:active',
        'ns:{S2}:prioritized',
        'ns:{S2}:events',
        'ns:{S2}:stalled',
        'ns:{S2}:limiter',
        'ns:{S2}:delayed',
        'ns:{S2}:paused',
        'ns:{S2}:meta',
        'ns:{S2}:pc',
        'ns:{S2}:completed',
        'ns:{S2}:',
        'ns:{S2}:metrics:completed',
        'ns:{S2}:marker',
      ],
    ],
    [keys.lease('S2'), 'ns:{S2}:lease'],
    [keys.ended('S2'), 'ns:{S2}:ended'],
    [keys.standby('S2'), 'ns:{S2}:standby'],
    [keys.generation('S2'), 'ns:{S2}:generation'],
    [keys.currentGeneration('S2'), 'ns:{S2}:current-generation'],
    [keys.leaseFence('S2'), 'ns:{S2}:fence'],
    [keys.consumer('S2'), 'ns:{S2}:consumer'],
    [keys.noting('S2'), 'ns:{S2}:noting'],
    [keys.eventReaders('S2'), 'ns:{S2}:event-readers'],
    [keys.eventReadersSought, 'ns:{+events}:sought'],
    [keys.deliveries('S2', 7), 'ns:{S2}:deliveries:7'],
    [keys.suspects('S2'), 'ns:{S2}:suspects'],
    [keys.pardoned('S2'), 'ns:{S2}:pardoned'],
    [keys.crash('S2'), 'ns:{S2}:crash'],
    [keys.inbox('S2', 'g1'), 'ns:{S2}:inbox:g1'],
    [keys.wake('g1'), 'ns:wake:g1'],
    [keys.requestBody('S2', id), `ns:{S2}:request-body:${id}`],
    [keys.request('S2', id), `ns:{S1}:request:${id}`],
    [
      keys.requestIndexes('S2'),
      {
        byTime: 'ns:{S2}:requests:by-time',
        byKey: 'ns:{S2}:requests:by-key',
        callbacks: 'ns:{S2}:requests:callbacks',
      },
    ],
    [keys.indexedReplicas, 'ns:replicas:indexed'],
    [keys.keptReply('S2', id), `ns:{S1}:kept-reply:${id}`],
    [keys.idempotency('scope'), 'ns:idempotency:scope'],
    [keys.callerSecret, 'ns:caller-secret'],
    [keys.dashboardSession('digest'), 'ns:dashboard-session:digest'],
    [keys.callerSecretSought, 'ns:caller-secret-sought'],
    [keys.line('digest'), 'ns:line:{digest}'],
    [keys.lineMoves('digest'), 'ns:line:{digest}:moves'],
    [keys.keyRate('digest'), 'ns:key-rate:{digest}'],
    [keys.requestChanges(id), `ns:request-changes:${id}`],
    [keys.movedJob(id), `ns:{S1}:moved:${id}`],
    [keys.cancellations, 'ns:cancellations'],
    [keys.callbacks, '{+callbacks}'],
    [keys.parkedCallbacks('receiver'), 'ns:{+callbacks}:parked:receiver'],
    [keys.deadLetters, 'ns:{+dead-letters}:index'],
    [keys.deadLetter(id), `ns:{+dead-letters}:letter:${id}`],
    [keys.replyBody('S2', id), `ns:{S2}:reply-body:${id}`],
    [keys.replyDraft('S2', id, 7), `ns:{S2}:reply-draft:${id}:7`],
    [keys.streams('S2'), 'ns:{S2}:streams'],
    [keys.signals('S2'), 'ns:{S2}:signals'],
    [keys.keptStreamPrefix('S2', id), `ns:{S1}:kept:${id}:`],
    [keys.keptStream('S2', id, 7), `ns:{S1}:kept:${id}:7`],
    [keys.bytesChannel('S2', id), `ns:{S1}:bytes:${id}`],

    [keys.prefix, 'ns'],
    [keys.movedJob('no id'), 'ns:{}:moved:no id'],
    [keys.keyRate('digest', '5/1'), 'ns:key-rate:{digest}:5/1'],
    [keys.request('S2', 'no id'), 'ns:{S2}:request:no id'],
  ])('%j', (key, expected) => {
    expect(key).toEqual(expected);
  });
});

describe('garbled data is set aside', () => {
  it.each([
    ['ns:{S1}:lease', 'ns:{S1}:aside', 'ns:{S1}:aside:lease:7'],
    ['ns:line:{digest}:moves', 'ns:{digest}:aside', 'ns:{digest}:aside:moves:7'],
    ['ns:wake:g', 'ns:{ns:wake:g}:aside', 'ns:{ns:wake:g}:aside:7'],
  ])('from %s, in the same slot of a cluster', (key, index, entry) => {
    expect(keys.aside(key).index).toBe(index);
    expect(keys.aside(key).entry('7')).toBe(entry);
  });
});

it('patterns match the keys of everything except the ring', () => {
  expect(keyPatternsBesideRing('ns')).toEqual([
    'ns:{[a-qs-zA-Z0-9]*',
    'ns:{r[^i]*',
    'ns:{ri[^n]*',
    'ns:{rin[^g]*',
    'ns:{ring[^}]*',
    'ns:{+callbacks}:*',
    'ns:{+dead-letters}:*',
    'ns:line:*',
    'ns:{+counts}',
    'ns:{+joins}:*',
  ]);
});

describe('an entry of an index', () => {
  const moment = { accepted: 1_700_000_000_000, uuid };
  const at = `001700000000000 ${uuid}`;

  it.each([
    [timeEntry({ ...moment, digest: 'd1', callback: true }), `${at} d1 c`],
    [timeEntry({ ...moment, digest: undefined, callback: false }), `${at} - -`],
    [keyEntry('d1', moment), `d1 ${at}`],
    [callbackEntry('failed', moment), `failed ${at}`],
  ])('is %s', (entry, expected) => {
    expect(entry).toBe(expected);
  });

  it('is read back, as far as the index has it', () => {
    expect(parseEntry(`${at} d1 c`)).toEqual({ ...moment, digest: 'd1', callback: true });
    expect(parseEntry(`${at} - -`)).toEqual({ ...moment, digest: undefined, callback: false });
    expect(parseEntry(`failed ${at}`)).toEqual({ ...moment, digest: undefined, callback: false });
  });

  it.each([`${at} d1`, `x y ${at}`, `${at} d1 c `, '1 2', `0${at}`, ''])('is not %j', (text) => {
    expect(parseEntry(text)).toBeUndefined();
  });
});
