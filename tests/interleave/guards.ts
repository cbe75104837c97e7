import { MarkerWatch } from '#shared/store/queue/marker-watch.ts';
import { ReplicaLease } from '../../worker/lease/replica-lease.ts';
import { AskAgainError } from '../../worker/reply/retry-until.ts';
import type { Mutation } from './floor/virtual-scripts.ts';

/** A guard of the code under test, and how it is taken out. */
export interface Guard {
  readonly name: string;
  readonly inScripts?: Mutation;
  /** Takes it out of the code. @returns what puts it back. */
  readonly inCode?: () => () => void;
}

function replaced(from: string, to: string): Mutation {
  return (text) => text.replaceAll(from, to);
}

/** Replaces a property. @returns what puts it back. */
function replacedIn(holder: object, name: string | symbol, by: PropertyDescriptor): () => void {
  const before = Reflect.getOwnPropertyDescriptor(holder, name);
  Object.defineProperty(holder, name, { ...by, configurable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(holder, name);
    else Object.defineProperty(holder, name, before);
  };
}

/** Guards without which a schedule fails. */
export const guards: readonly Guard[] = [
  {
    name: 'fence',
    inScripts: replaced('return tonumber(newest or 0) > tonumber(fence)', 'return false'),
  },
  {
    name: 'lease-before-begin',
    inCode: () => replacedIn(ReplicaLease.prototype, 'certain', { get: () => true }),
  },
  {
    name: 'claim-of-key',
    inScripts: (text) => text.replace('if held and held ~= ARGV[3] then', 'if false then'),
  },
  {
    name: 'place-in-line',
    inScripts: replaced('if last and tonumber(last) >= place then', 'if false then'),
  },
  {
    name: 'ask-again',
    inCode: () => replacedIn(AskAgainError, Symbol.hasInstance, { value: () => false }),
  },
  {
    name: 'pause-for-orphan',
    inCode: () => replacedIn(MarkerWatch.prototype, 'postpone', { value: () => undefined }),
  },
];
