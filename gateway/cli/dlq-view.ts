import type { DeadLetterQuery, DeadLetterSelection } from '#shared/client/client.ts';
import type { DeadLetterSummaryView, DeadLetterView, MessageView } from '#shared/contract/views.ts';
import type { Context } from './context.ts';
import { upToNewest } from './dlq-selection.ts';
import { gatewaySides } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { Paint } from './paint.ts';
import { shownNames, shownText } from './shown.ts';
import { pairs, table } from './table.ts';

/** `ringpost dlq ls`. */
export async function listLetters(
  query: DeadLetterQuery,
  options: GatewayOptions & { readonly limit?: number },
  context: Context,
): Promise<void> {
  const { output } = context;
  const { limit = 100 } = options;
  const letters: DeadLetterSummaryView[] = [];
  let more = false;
  for await (const letter of gatewaySides(options, context).adminSide.deadLetters(query)) {
    more = letters.length === limit;
    if (more) break;
    letters.push(letter);
  }
  output.show({ letters, more }, () => letterLines(letters, more, output.paint));
}

function letterLines(letters: readonly DeadLetterSummaryView[], more: boolean, paint: Paint): string[] {
  if (letters.length === 0) return ['There are no dead letters that match.'];
  const rows = letters.map(({ id, replica, code, attempts, method, target, times }) =>
    [id, replica, code, String(attempts), times.ended ?? '', `${method} ${target}`].map(shownText),
  );
  const heads = ['REQUEST', 'REPLICA', 'CODE', 'ATTEMPTS', 'ENDED', 'TARGET'];
  return [
    ...table(heads, rows, paint),
    ...(more ? ['There are more; raise --limit, or give a filter.'] : []),
  ];
}

/** `ringpost dlq show <id>`. */
export async function showLetter(id: string, options: GatewayOptions, context: Context): Promise<void> {
  const letter = await gatewaySides(options, context).adminSide.deadLetter(id);
  context.output.show(letter, () => detailLines(letter, context.output.paint));
}

function detailLines(letter: DeadLetterView, paint: Paint): string[] {
  const { id, replica, state, code, attempts, method, target, times, request, reply } = letter;
  const { missingHeaders, missingQuery } = letter;
  const summary = pairs([
    ['request', id],
    ['replica', replica],
    ['state', state],
    ['code', code],
    ['attempts', String(attempts)],
    ['accepted', times.accepted ?? 'unknown'],
    ['ended', times.ended ?? 'unknown'],
    ['not kept', shownNames([...missingHeaders, ...missingQuery.map((name) => `?${name}`)])],
  ]);
  return [
    ...summary.map(shownText),
    '',
    paint.bold(shownText(`${method} ${target}`)),
    ...messageLines(request),
    '',
    paint.bold(reply === null ? 'no answer' : `answer ${reply.status}`),
    ...(reply === null ? [] : messageLines(reply)),
  ];
}

function messageLines(message: MessageView | null): string[] {
  if (message === null) return ['It can no longer be read.'];
  const { headers, encoding, body } = message;
  const fields = headers.map(([name, value]) => shownText(`${name}: ${value}`));
  if (encoding === 'none') return [...fields, '', 'The body was not kept.'];
  const note = encoding === 'base64' ? ['The body is not text, so it is shown in base64:'] : [];
  return body === '' ? fields : [...fields, '', ...note, ...body.split('\n').map(shownText)];
}

/**
 * `ringpost dlq rm`.
 * @param which the id of one letter, or a filter.
 */
export async function deleteLetters(
  which: string | DeadLetterSelection,
  options: GatewayOptions,
  context: Context,
): Promise<void> {
  const { adminSide } = gatewaySides(options, context);
  let deleted = 0;
  if (typeof which === 'string') {
    await adminSide.deleteDeadLetter(which);
    deleted = 1;
  } else {
    const selection = await upToNewest(adminSide, which);
    for (let more = selection !== undefined; more;) {
      const step = await adminSide.deleteDeadLetters(selection ?? which);
      deleted += step.deleted;
      more = step.more && step.deleted > 0;
    }
  }
  context.output.show({ deleted }, () => [`Deleted ${deleted} dead letter${deleted === 1 ? '' : 's'}.`]);
}
