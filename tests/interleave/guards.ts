import { ReplicaLease } from '../../worker/lease/replica-lease.ts';
import type { Mutation } from './floor/virtual-scripts.ts';

/** A guard of the code under test, and how it is taken out. */
export interface Guard {
  readonly name: string;
  /** A seed whose schedule needs it. */
  readonly seed: number;
  readonly inScripts?: Mutation;
  readonly inCode?: () => void;
}

function replaced(from: string, to: string): Mutation {
  return (text) => text.replaceAll(from, to);
}

/** Guards without which a schedule fails. */
export const guards: readonly Guard[] = [
  {
    name: 'fence',
    seed: 40,
    inScripts: replaced('return tonumber(newest or 0) > tonumber(fence)', 'return false'),
  },
  {
    name: 'lease-before-begin',
    seed: 40,
    inCode: () => Object.defineProperty(ReplicaLease.prototype, 'certain', { get: () => true }),
  },
  {
    name: 'claim-of-key',
    seed: 17,
    inScripts: (text) => text.replace('if held and held ~= ARGV[3] then', 'if false then'),
  },
  {
    name: 'place-in-line',
    seed: 47,
    inScripts: replaced('if last and tonumber(last) >= place then', 'if false then'),
  },
];
