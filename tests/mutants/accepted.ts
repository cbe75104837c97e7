/** A mutant that no test kills, and need not. */
export interface Accepted {
  readonly file: string;
  /** The line of the source in which the change starts, without indentation. */
  readonly line: string;
  /** The change as it is reported, or `*` for each change of the line. */
  readonly change: string;
  readonly reason: string;
}

export const accepted: readonly Accepted[] = [
  {
    file: 'gateway/load/placement.ts',
    line: 'if (own?.hasRoom && own.load < floorOf(own)) return toOwner;',
    change: 'own?.hasRoom && own.load < floorOf(own) → false',
    reason: 'it only saves the walk, which selects the owner too',
  },
  {
    file: 'gateway/load/placement.ts',
    line: 'if (own?.hasRoom && own.load < floorOf(own)) return toOwner;',
    change: '?. → .',
    reason: 'the owner of a key is in the ring, so its load is known',
  },
  {
    file: 'gateway/load/placement.ts',
    line: 'if (one === undefined || one === 0) return toFirst;',
    change: 'one === undefined || one === 0 → false',
    reason: 'it only saves a random key: no load is below 0, or below an unknown one',
  },
  {
    file: 'gateway/load/placement.ts',
    line: 'if (one === undefined || one === 0) return toFirst;',
    change: '|| → &&',
    reason: 'as above',
  },
  {
    file: 'gateway/controller/pass-time.ts',
    line: 'this.#last === undefined ? 0 : Math.round(now - this.#last.now - (local - this.#last.local));',
    change: '0 → 1',
    reason: '1 ms is below the tolerance, as 0 is',
  },
  {
    file: 'gateway/controller/plan.ts',
    line: 'const after = sleep?.generation ?? -1;',
    change: '1 → 2',
    reason: 'all generations are greater than either',
  },
  {
    file: 'gateway/controller/replica-steps.ts',
    line: 'return own.length > 0 && isReplaceable(name, observed, statuses) ? own : [];',
    change: '> → >=',
    reason: 'without such a worker the result is empty either way',
  },
  {
    file: 'gateway/controller/replica-steps.ts',
    line: 'const lostMs = status.lostAt === undefined ? 0 : now - status.lostAt;',
    change: 'status.lostAt === undefined → false',
    reason: 'NaN is not more than FAILOVER_MS, as 0 is not',
  },
  {
    file: 'shared/contract/http-date.ts',
    line: "const { year = '' } = parts;",
    change: "'' → 'mutant'",
    reason: 'each form has a year',
  },
  {
    file: 'shared/contract/http-date.ts',
    line: "const monthIndex = months.indexOf(parts['month'] ?? '');",
    change: "'' → 'mutant'",
    reason: 'each form has a month',
  },
  {
    file: 'shared/contract/http-date.ts',
    line: 'const exists = new Date(date.getTime() - second * 1000).getUTCMonth() === monthIndex;',
    change: '* → /',
    reason: 'anything between 0 and a day leads back from a leap second at the end of a month',
  },
  {
    file: 'shared/contract/http-date.ts',
    line: 'const exists = new Date(date.getTime() - second * 1000).getUTCMonth() === monthIndex;',
    change: '1000 → 1001',
    reason: 'as above',
  },
  {
    file: 'gateway/controller/observed-replica.ts',
    line: 'if (groups === undefined) {',
    change: 'groups === undefined → true',
    reason: 'it only groups the workers again',
  },
  {
    file: 'gateway/controller/observed-replica.ts',
    line: 'byName.set(instances, groups);',
    change: 'byName.set(instances, groups); → ;',
    reason: 'as above',
  },
  {
    file: 'gateway/controller/observed-replica.ts',
    line: 'const isOld = instance.generation <= (restarts.get(instance.name)?.generation ?? -1);',
    change: '1 → 2',
    reason: 'all generations are greater than either',
  },
  {
    file: 'gateway/controller/observed-replica.ts',
    line: "return hasHeir(name, observed) && observed.paused.has(observed.heirs.get(name) ?? '');",
    change: "'' → 'mutant'",
    reason: 'a replica with an heir has one',
  },
  {
    file: 'gateway/controller/sleep-steps.ts',
    line: "return cause === undefined || isLeft || isLeaving ? [] : [{ do: 'start', name, cause }];",
    change: '|| → &&',
    reason: 'a worker that is left and does not leave is retired before',
  },
  {
    file: 'gateway/controller/sleep-steps.ts',
    line: 'const generation = ownLease(name, observed)?.generation ?? 0;',
    change: '0 → 1',
    reason: 'a replica that is idle has a lease',
  },
  {
    file: 'gateway/controller/sleep-steps.ts',
    line: 'const isOnly = own.length === 1 && own[0]?.generation === lease.generation && !own[0].outdated;',
    change: '?. → .',
    reason: 'there is one',
  },
  {
    file: 'gateway/controller/sleep-steps.ts',
    line: 'const isGrowing = (observed.slowStarts.get(name)?.tenths ?? 10) < 10;',
    change: '10 → 11',
    reason: 'neither is below 10',
  },
  {
    file: 'shared/contract/retry.ts',
    line: 'const { attempts: maxAttempts = 1, deadline } = job;',
    change: '1 → 2',
    reason: 'mayRetry refuses a job without attempts',
  },
  {
    file: 'shared/contract/retry.ts',
    line: 'if (!mayRetry({ ...(problem === undefined ? {} : { problem }), status }, job)) return undefined;',
    change: 'problem === undefined → false',
    reason: 'a problem that is undefined is none',
  },
  {
    file: 'shared/contract/request-crashes.ts',
    line: "const [death = '', startOrder] = crash.split('.', 2);",
    change: "'' → 'mutant'",
    reason: 'a text that is split has a first part',
  },
  {
    file: 'shared/contract/request-crashes.ts',
    line: "const [death = '', startOrder] = crash.split('.', 2);",
    change: '2 → 3',
    reason: 'a third part is not read',
  },
  {
    file: 'shared/ring/fitting.ts',
    line: 'return false;',
    change: 'false → undefined as never',
    reason: 'both count as no',
  },
  {
    file: 'shared/ring/slow-start.ts',
    line: 'const at = due <= now && now - due < stepMs ? due : now;',
    change: '<= → <',
    reason: 'if it is due now, both are the same time',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'const maxNames = 16_384;',
    change: '16_384 → 16385',
    reason: 'it only bounds the memory of what is computed once',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'if (known !== undefined && known.length >= nodes) return known.subarray(0, nodes);',
    change: '>= → >',
    reason: 'it only saves work',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'for (let at = known?.length ?? 0; at < nodes; at += 1) positions[at] = hashKey(`${name}#${at}`);',
    change: '< → <=',
    reason: 'a Uint32Array ignores what is written after its end',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'if (computed.size >= maxNames) computed.clear();',
    change: '*',
    reason: 'it only bounds the memory of what is computed once',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'computed.set(name, positions);',
    change: 'computed.set(name, positions); → ;',
    reason: 'it only saves work',
  },
  {
    file: 'shared/ring/slow-start.ts',
    line: 'while (step < steps && tenthsAt(step) <= tenths) step += 1;',
    change: '< → <=',
    reason: 'a step past the last one gives the whole weight too',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'if (count > most) return circleOfObjects(ordered);',
    change: 'count > most → true',
    reason: 'both ways give the same circle',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'if (count > most) return circleOfObjects(ordered);',
    change: 'count > most → false',
    reason: 'as above',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'if (count > most) return circleOfObjects(ordered);',
    change: '> → >=',
    reason: 'as above',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'if (count > most) return circleOfObjects(ordered);',
    change: '> → <=',
    reason: 'as above',
  },
  {
    file: 'shared/ring/virtual-nodes.ts',
    line: 'positions[rank] = (sorted[rank]! - node) / packedNodes;',
    change: '- → +',
    reason: 'what it adds is less than one, and is cut off, unless a ring has a million nodes',
  },
  {
    file: 'shared/ring/shares.ts',
    line: 'shares.set(owner, (shares.get(owner) ?? 0) + (end - begin));',
    change: '0 → 1',
    reason: 'a default for the compiler: each owner is a member',
  },
  {
    file: 'shared/ring/key-text.ts',
    line: 'if (!notAscii.test(latin1)) return latin1;',
    change: '!notAscii.test(latin1) → false',
    reason: 'it only saves work',
  },
  {
    file: 'shared/ring/key-text.ts',
    line: "if (key.isWellFormed() || !escaped.test(key)) return Buffer.from(key, 'utf8');",
    change: "'utf8' → ''",
    reason: 'UTF-8 is the default',
  },
  {
    file: 'shared/ring/clockwise.ts',
    line: 'return a < b ? -1 : a > b ? 1 : 0;',
    change: '1 → 2',
    reason: 'only its sign counts',
  },
  {
    file: 'shared/ring/assignment.ts',
    line: 'let slot = 0;',
    change: '0 → 1',
    reason: 'slot 0 has rank 0 already',
  },
  {
    file: 'shared/ring/assignment.ts',
    line: "if (text === '') return undefined;",
    change: "text === '' → false",
    reason: 'the hash of an empty key is 0, as the number would be',
  },
  {
    file: 'shared/ring/assignment.ts',
    line: "if (text === '') return undefined;",
    change: "'' → 'mutant'",
    reason: 'as above',
  },
  {
    file: 'shared/ring/strategies.ts',
    line: 'const free = members.reduce((left, member) => left - (member.slots?.length ?? 0), slots);',
    change: '?. → .',
    reason: 'for the compiler: each member of such a ring has slots',
  },
  {
    file: 'shared/ring/strategies.ts',
    line: 'const free = members.reduce((left, member) => left - (member.slots?.length ?? 0), slots);',
    change: '0 → 1',
    reason: 'as above',
  },
  {
    file: 'shared/ring/strategies.ts',
    line: "if (ours.strategy !== 'assignment' || theirs.strategy !== 'assignment') return virtualNodes;",
    change: "ours.strategy !== 'assignment' || theirs.strategy !== 'assignment' → false",
    reason: 'for the compiler: both have the same strategy, and murmur3 has none of the other parameters',
  },
  {
    file: 'shared/ring/strategies.ts',
    line: "if (ours.strategy !== 'assignment' || theirs.strategy !== 'assignment') return virtualNodes;",
    change: '|| → &&',
    reason: 'as above',
  },
];
