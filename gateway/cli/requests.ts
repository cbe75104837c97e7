import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { RingpostClient } from '#shared/client/client.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { RequestView } from '#shared/contract/views.ts';
import type { Context } from './context.ts';
import { Failure, usage } from './failure.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import { listRequests } from './request-list.ts';
import type { ListOptions } from './request-list.ts';
import { readMessage, writeMessage } from './message.ts';
import { shownText } from './shown.ts';
import { pairs } from './table.ts';

interface RequestOptions extends ListOptions {
  /** In seconds. */
  readonly wait?: number;
  readonly reply?: true;
  readonly cancel?: true;
}

const maxWaitS = 60;
/** How long a call takes besides its wait, in ms. */
const slackMs = 10_000;

/** `ringpost requests [id]`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withGatewayOptions(command.argument('[id]', 'the id of an async request (Ringpost-Request)'))
    .description(
      'List the requests that have a record, or show one, get its answer, or cancel it. An admin token ' +
        'opens the requests of all callers.',
    )
    .option('--key <key>', 'list those of this hash key')
    .option('--replica <name>', 'list those of this replica')
    .option('--state <state>', 'list those in this state, e.g. failed')
    .option('--status <status>', 'list those with this status, e.g. 503')
    .option('--since <time>', 'list those accepted at or after it, e.g. 2026-12-01T00:00:00Z')
    .option('--limit <n>', 'list at most this many (50)', count)
    .option('--wait <s>', `seconds to wait for its end, at most ${maxWaitS}`, seconds)
    .option('--reply', "print the replica's answer: its body, or all of it with --json")
    .option('--cancel', 'cancel it')
    .action(async (id: string | undefined, options: RequestOptions) => {
      const { wait = 0, reply, cancel } = options;
      if (id === undefined) {
        if (reply || cancel || options.wait !== undefined)
          throw usage('--wait, --reply and --cancel need the id of a request: ringpost requests <id>');
        await listRequests(options, context);
        return;
      }
      const listing = [options.key, options.replica, options.state, options.status, options.since];
      if (listing.some((each) => each !== undefined) || options.limit !== undefined)
        throw usage('give the id of a request or options for a list, not both');
      if (reply && cancel) throw usage('--reply and --cancel exclude each other');
      const { clientSide } = gatewaySides(options, context, wait * 1000 + slackMs);
      if (cancel) {
        const view = await clientSide.cancel(id);
        output.show(view, () => requestLines(view));
      } else if (reply) {
        const message = await readMessage(await answerOf(clientSide, id, wait));
        if (output.json) output.show(message, () => []);
        else writeMessage(message);
      } else {
        const view = await clientSide.status(id, wait);
        output.show(view, () => requestLines(view));
      }
    });
}

/** @throws {Failure} if the request has no answer. */
async function answerOf(client: RingpostClient, id: string, waitS: number): Promise<Response> {
  const { state, status, code = state } = await client.status(id, waitS);
  if (!finalStates.has(state))
    throw new Failure(
      'not_finished',
      `the request is ${state}, and has no answer yet; give it time with --wait`,
    );
  if (status === undefined)
    throw new Failure(code, `the request ended as ${state} (${code}), without an answer of its replica`);
  const response = await client.reply(id);
  // The gateway says this itself. All other statuses are the replica's.
  if (response.status === 410 && !response.headers.has('ringpost-replica'))
    throw new Failure('answer_gone', 'the answer is no longer kept; RESULT_TTL_S says for how long it is');
  return response;
}

function requestLines(view: RequestView): string[] {
  const { times } = view;
  const all: readonly (readonly [string, string | number | null | undefined])[] = [
    ['request', view.id],
    ['state', view.state],
    ['method', view.method],
    ['target', view.target],
    ['replica', view.replica],
    ['spilled from', view.spilledFrom],
    ['attempts', view.attempts],
    ['status', view.status],
    ['code', view.code],
    ['accepted', times.accepted],
    ['started', times.started],
    ['finished', times.finished],
    ['deadline', times.deadline],
    ['in queue', times.queueMs === null ? null : `${times.queueMs} ms`],
    ['in service', times.serviceMs === null ? null : `${times.serviceMs} ms`],
    ['callback', view.callback?.state],
    ['waiting', view.waiting],
  ];
  return pairs(
    all.flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name, shownText(String(value))] as const],
    ),
  );
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d{1,2}$/.test(text) || value > maxWaitS)
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${maxWaitS}.`);
  return value;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}
