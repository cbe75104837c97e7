import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { RingView } from '#shared/contract/ring-view.ts';
import { dryRunHelp } from './dry-run.ts';
import { withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';

/** The options of `add` and `rm`. */
export interface ChangeOptions extends GatewayOptions {
  readonly count?: number;
  readonly dryRun?: true;
}

/** A change may wait for new replicas: as long as `ADD_TIMEOUT_MS` can be. */
export const changeTimeoutMs = 3_700_000;

/** Adds names, `-n` and `--dry-run` to a command that changes the replicas. */
export function withChange(command: Command, help: string): Command {
  return withGatewayOptions(command.argument('[names...]', 'names of replicas'))
    .option('-n, --count <n>', help, positive)
    .option('--dry-run', dryRunHelp);
}

/** @returns the names of the replicas that serve requests. */
export function serving({ replicas }: RingView): string[] {
  return replicas.filter(({ inRing }) => inRing).map(({ name }) => name);
}

/**
 * @param before the ring before a change.
 * @returns what to say after it, if it has stopped autoscaling.
 */
export function stopNote(before: RingView): string[] {
  if (before.autoscale?.enabled !== true) return [];
  return ['Autoscaling is stopped by this; `ringpost autoscale on` lets it go on.'];
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}
