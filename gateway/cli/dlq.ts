import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { DeadLetterQuery, DeadLetterSelection } from '#shared/client/client.ts';
import type { Context } from './context.ts';
import { usage } from './failure.ts';
import { deleteLetters, listLetters, showLetter } from './dlq-view.ts';
import { redrive } from './dlq-redrive.ts';
import type { RedriveOptions } from './dlq-redrive.ts';
import { withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';

/** The options by which dead letters are chosen. */
export interface FilterOptions extends GatewayOptions {
  readonly replica?: string;
  readonly code?: string;
  readonly since?: string;
  readonly until?: string;
  readonly all?: true;
}

/** `ringpost dlq ls|show|redrive|rm`. */
export function define(command: Command, context: Context): void {
  command.description('Dead letters: the copies of requests that failed for good.');
  withFilters(withGatewayOptions(command.command('ls').description('List dead letters, the latest first.')))
    .option('--limit <n>', 'how many at most (100)', count)
    .action((options: FilterOptions & { readonly limit?: number }) =>
      listLetters(queryOf(options), options, context),
    );
  withGatewayOptions(command.command('show').description('Show one, without the secrets of its request.'))
    .argument('<id>', 'the id of its request')
    .action((id: string, options: GatewayOptions) => showLetter(id, options, context));
  const redriving = command
    .command('redrive')
    .description('Run the requests of one or of all matching letters again, under new ids.')
    .argument('[id]', 'the id of one request');
  withSelection(withGatewayOptions(redriving))
    .option('-H, --header <field>', "a field that was not kept, e.g. 'x-api-key: …'", collect)
    .option('--without <name>', 'leave out a field that was not kept', collect)
    .option('--query <name=value>', 'a query parameter that was not kept', collect)
    .action(async (id: string | undefined, options: FilterOptions & RedriveOptions) => {
      context.exitWith(await redrive(selectionOf(id, options), options, context));
    });
  const removing = command
    .command('rm')
    .description('Delete one letter, or all matching ones.')
    .argument('[id]', 'the id of one request');
  withSelection(withGatewayOptions(removing)).action(async (id: string | undefined, options: FilterOptions) =>
    deleteLetters(selectionOf(id, options), options, context),
  );
}

function withFilters(command: Command): Command {
  return command
    .option('--replica <name>', 'only those of this replica')
    .option('--code <code>', 'only those that failed with this code, e.g. http_500')
    .option('--since <time>', 'only those that ended at or after it, e.g. 2026-12-01T00:00:00Z')
    .option('--until <time>', 'only those that ended before it');
}

function withSelection(command: Command): Command {
  return withFilters(command).option('--all', 'all letters, if there is no filter');
}

/** @returns the id of one letter, or a filter. @throws {Failure} if neither or both are given. */
function selectionOf(id: string | undefined, options: FilterOptions): string | DeadLetterSelection {
  const query = queryOf(options);
  const isFiltered = Object.keys(query).length > 0;
  if (id !== undefined && (isFiltered || options.all))
    throw usage('give the id of a letter or a filter, not both');
  if (id !== undefined) return id;
  if (!isFiltered && !options.all) throw usage('give the id of a letter, a filter such as --code, or --all');
  return options.all ? { ...query, all: 'true' } : query;
}

function queryOf({ replica, code, since, until }: FilterOptions): DeadLetterQuery {
  return {
    ...(replica === undefined ? {} : { replica }),
    ...(code === undefined ? {} : { code }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}
