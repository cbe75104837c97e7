import { isReplicaName } from '#shared/contract/replica-name.ts';
import { nameFault } from '#shared/contract/reserved-names.ts';
import { placeOf } from '#shared/ring/member.ts';
import { placeMember, RingFullError } from '#shared/ring/strategies.ts';
import type { RingMember, RingParameters } from '#shared/ring/ring.ts';
import type { Replacement } from '#shared/store/ring/heir-store.ts';
import type { DesiredChange, RingState, RingStore } from '#shared/store/ring/ring-store.ts';
import { missingPositions, withoutServer } from './upstream-positions.ts';
import { ringFault, weightFault } from './weights.ts';
import type { Weights } from './weights.ts';

/** An admin request that cannot be carried out. The answer is `{"message":"<Error> …"}`. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** The body of `/add` and `/rm`. */
export interface ReplicaChange {
  readonly n: number;
  readonly hostnames: readonly string[];
  /** Of listed names that are added; unset: each has the weight 1. */
  readonly weights?: Weights;
}

/**
 * Parses the body of `/add` or `/rm`, and checks what can be checked without knowing the replicas.
 * @param which what the instances are called in the error message.
 * @throws {AdminError} that says what is wrong and what is allowed.
 */
export function parseReplicaChange(body: unknown, which: 'newly added' | 'removable'): ReplicaChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AdminError('The body must be a JSON object such as {"n":2,"hostnames":["S5"]}');
  }
  const { n, hostnames = [], weights } = body as { n?: unknown; hostnames?: unknown; weights?: unknown };
  if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 1) {
    throw new AdminError(`n must be an integer of at least 1, not ${shown(n)}`);
  }
  if (!Array.isArray(hostnames) || !hostnames.every((name) => typeof name === 'string')) {
    throw new AdminError(`hostnames must be a list of strings, not ${shown(hostnames)}`);
  }
  if (hostnames.length > n) {
    throw new AdminError(`Length of hostname list is more than ${which} instances`);
  }
  const invalid = hostnames.find((name) => !isReplicaName(name));
  if (invalid !== undefined) {
    throw new AdminError(
      `${shown(invalid)} is no valid container hostname: 1 to 63 letters, digits, '_', '.' or '-', ` +
        'the first a letter or digit',
    );
  }
  const twice = firstRepeated(hostnames);
  if (twice !== undefined) throw new AdminError(`hostname ${shown(twice)} is listed twice`);
  if (weights === undefined || which === 'removable') return { n, hostnames };
  return { n, hostnames, weights: parseWeights(weights, hostnames) };
}

/** @throws {AdminError} if a weight is none, or belongs to a name that is not listed. */
function parseWeights(weights: unknown, hostnames: readonly string[]): Weights {
  if (typeof weights !== 'object' || weights === null || Array.isArray(weights)) {
    throw new AdminError(`weights must be an object such as {"S5":2}, not ${shown(weights)}`);
  }
  return new Map(
    Object.entries(weights).map(([name, weight]: [string, unknown]) => {
      if (!hostnames.includes(name)) {
        throw new AdminError(`weights has ${shown(name)}, but hostnames does not list it`);
      }
      const fault = weightFault(weight);
      if (fault !== undefined || typeof weight !== 'number') {
        throw new AdminError(`the weight of ${shown(name)} ${fault}, not ${shown(weight)}`);
      }
      return [name, weight];
    }),
  );
}

function firstRepeated(names: readonly string[]): string | undefined {
  const before = new Set<string>();
  for (const name of names) {
    if (before.has(name)) return name;
    before.add(name);
  }
  return undefined;
}

export interface AddLimits {
  readonly parameters: RingParameters;
  readonly maxReplicas: number;
  /** Whether replicas are containers, whose names are hostnames. */
  readonly containers: boolean;
}

/**
 * Plans `/add`: adds the listed names, and random ones up to n.
 * @param randomName returns a name that fits a container's hostname.
 * @throws {AdminError} if the change cannot be made as a whole.
 */
export function planAdd(
  state: RingState,
  { n, hostnames, weights = new Map() }: ReplicaChange,
  { parameters, maxReplicas, containers }: AddLimits,
  randomName: () => string,
): DesiredChange {
  for (const name of hostnames) {
    const fault = nameFault(name, containers);
    if (fault !== undefined) throw new AdminError(`hostname ${shown(name)} ${fault}; choose another one`);
  }
  const used = new Set(state.desired.map(({ name }) => name));
  const taken = hostnames.find((name) => used.has(name));
  if (taken !== undefined) throw new AdminError(`hostname ${shown(taken)} is already in use`);
  if (state.desired.length + n > maxReplicas) {
    throw new AdminError(
      `n is ${n}, but there are ${state.desired.length} replicas and may be ${maxReplicas} at most ` +
        '(MAX_REPLICAS)',
    );
  }
  const refused = ringFault(parameters, weights.values());
  if (refused !== undefined) throw new AdminError(`${refused}; leave weights out`);
  const names = [...hostnames];
  while (names.length < n) {
    const name = randomName();
    if (!used.has(name) && !names.includes(name) && !state.retired.has(name)) names.push(name);
  }
  const add = placeAll(state, names, parameters, weights);
  const positions = addedPositions(state, add);
  return { add, remove: [], ...(positions.size === 0 ? {} : { positions }) };
}

/**
 * @returns the positions in UPSTREAMS that added replicas get. One that is added again, while it finishes
 * what it held, keeps its own.
 * @throws {AdminError} if there are fewer free servers than replicas.
 */
function addedPositions(state: RingState, add: readonly RingMember[]): Map<string, number> {
  const { upstreams, desired, retired } = state;
  const count = upstreams.length;
  if (count === 0) return new Map();
  const positions = new Map(state.positions);
  for (const { name } of add) if (!retired.has(name)) positions.delete(name);
  const after = { desired: [...desired, ...add], retired, positions };
  const missing = missingPositions(after, count);
  const lacking = withoutServer({ ...after, positions: new Map([...positions, ...missing]), upstreams });
  const refused = add.filter(({ name }) => lacking.includes(name)).length;
  if (refused === 0) return missing;
  const leaving = [...retired.keys()].filter((name) => positions.has(name));
  throw new AdminError(
    `n is ${add.length}, but UPSTREAMS lists ${count} servers, one for each replica, and only ` +
      `${add.length - refused} can be used` +
      (leaving.length === 0
        ? ''
        : `; removed replicas use theirs until they are gone: ${leaving.join(', ')}`),
  );
}

/**
 * Makes S1, S2 … Sn the desired replicas of a new namespace. Does nothing if any replica was ever desired.
 * @param weights that they had before Redis lost the ring.
 */
export async function seedReplicas(
  store: RingStore,
  parameters: RingParameters,
  count: number,
  weights: Weights = new Map(),
): Promise<void> {
  const names = Array.from({ length: count }, (_, at) => `S${at + 1}`);
  await store.changeDesired((state) =>
    state.version === -1 ? { add: placeAll(state, names, parameters, weights), remove: [] } : undefined,
  );
}

/** @throws {AdminError} if the ring has no room for all of them. */
export function placeAll(
  state: RingState,
  names: readonly string[],
  parameters: RingParameters,
  weights: Weights = new Map(),
): RingMember[] {
  const members = [...state.desired];
  const added: RingMember[] = [];
  for (const [at, name] of names.entries()) {
    try {
      const newcomer = { name, joined: state.joined + at + 1, weight: weights.get(name) ?? 1 };
      const member = placeMember(parameters, members, newcomer);
      members.push(member);
      added.push(member);
    } catch (error) {
      if (!(error instanceof RingFullError)) throw error;
      throw new AdminError(`the ring has room for ${added.length} more replicas, not for ${names.length}`);
    }
  }
  return added;
}

/**
 * Plans `/rm`: removes the listed names, and random ones up to n.
 * @param pick returns a number from 0 that is less than its argument.
 * @throws {AdminError} if the change cannot be made as a whole.
 */
export function planRemove(
  state: RingState,
  { n, hostnames }: ReplicaChange,
  pick: (count: number) => number,
): DesiredChange {
  const names = state.desired.map(({ name }) => name);
  if (n > names.length) throw new AdminError(`n is ${n}, but there are only ${names.length} replicas`);
  const desired = new Set(names);
  const unknown = hostnames.find((name) => !desired.has(name));
  if (unknown !== undefined) throw new AdminError(`there is no replica ${shown(unknown)}`);
  const listed = new Set(hostnames);
  const left = names.filter((name) => !listed.has(name));
  const remove = [...hostnames];
  while (remove.length < n) remove.push(...left.splice(pick(left.length), 1));
  return { add: [], remove };
}

/**
 * Plans the replacement of a dead replica. The new one gets its place in `/rep`, and a new joining number.
 * @param by the name of the replacement.
 * @returns undefined if the dead replica is not desired, or the name is in use.
 */
export function planReplacement(
  state: RingState,
  dead: string,
  by: string,
  parameters: RingParameters,
): Replacement | undefined {
  const replaced = state.desired.find(({ name }) => name === dead);
  const used = state.retired.has(by) || state.desired.some(({ name }) => name === by);
  if (replaced === undefined || used) return undefined;
  const others = state.desired.filter((member) => member !== replaced);
  const newcomer = { name: by, joined: state.joined + 1, weight: replaced.weight };
  const member = placeMember(parameters, others, newcomer);
  return { dead, member: { ...member, place: placeOf(replaced), replaces: dead } };
}

function shown(value: unknown): string {
  const text = asJson(value) ?? 'nothing';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** `JSON.parse` accepts any depth, but `JSON.stringify` overflows the stack at some ten thousand levels. */
function asJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return 'what is nested that deep';
  }
}
