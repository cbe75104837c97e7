import { signal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { DeadLetterPreviewView } from '#shared/contract/api/requests.ts';
import type { DeadLetterSummaryView, DeadLetterView, RedrivenView } from '#shared/contract/views.ts';
import { call } from '../data/call.ts';
import { asCallError } from '../data/session.ts';
import { useResource } from '../data/resource.ts';
import { Field } from '../parts/field.tsx';
import { Loaded } from '../parts/note.tsx';
import { ask } from '../parts/question.tsx';
import { counted } from '../words/numbers.ts';
import { failAfter, Letters, MatchCount } from './letter-list.tsx';
import type { Chosen } from './letter-list.tsx';

const path = '/-/dead-letters';
/** Letters that are redriven at the same time if they are named one by one. */
const atOnce = 4;

/** Values for what the letters do not keep, by name. */
type Given = Readonly<Record<string, string>>;

/**
 * Asks whether the requests of dead letters are to run again, and for what the letters do not keep.
 * @param done is called when they have been redriven.
 */
export function askRedrive(chosen: Chosen, done: () => void): void {
  const headers = signal<Given>({});
  const query = signal<Given>({});
  ask({
    title:
      chosen.filter === undefined
        ? `Redrive ${counted(chosen.count, 'request')}?`
        : 'Redrive all that match?',
    body: (
      <>
        <p>
          Each request runs again under a new id, at the replica that owns its key now. Its dead letter is
          deleted when the new request has been accepted.
        </p>
        {chosen.filter !== undefined && <Matching filter={chosen.filter} />}
        <Letters chosen={chosen} />
        {chosen.sample[0] !== undefined && (
          <Missing letter={chosen.sample[0]} headers={headers} query={query} />
        )}
      </>
    ),
    confirm: 'Redrive',
    busy: 'Redriving …',
    endsItsButton: true,
    run: async () => {
      const text = told(await redrive(chosen, given(headers.value, query.value), done));
      done();
      return text;
    },
  });
}

/** Counts what a redrive would be for. */
function Matching({ filter }: { readonly filter: string }): JSX.Element {
  const preview = useResource<DeadLetterPreviewView>(`${path}/redrive?${filter}&dry-run=true`, {
    method: 'POST',
  });
  return <Loaded from={preview}>{(view) => <MatchCount preview={view} />}</Loaded>;
}

interface Outcome {
  redriven: number;
  refused: RedrivenView['refused'];
}

/** @param changed is called if some were redriven before a call failed. */
async function redrive(chosen: Chosen, body: object, changed: () => void): Promise<Outcome> {
  const outcome: Outcome = { redriven: 0, refused: [] };
  if (chosen.filter !== undefined) {
    // One call takes a thousand. Letters that are refused stay, so a round without success is the last.
    for (;;) {
      const answer = await call<RedrivenView>('POST', `${path}/redrive?${chosen.filter}`, { body }).catch(
        (error: unknown) => failAfter(outcome.redriven, error, changed),
      );
      outcome.redriven += answer.redriven.length;
      outcome.refused = answer.refused;
      if (!answer.more || answer.redriven.length === 0) return outcome;
    }
  }
  const left = [...chosen.ids];
  const refused: RedrivenView['refused'][number][] = [];
  const lane = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      try {
        await call('POST', `${path}/${encodeURIComponent(id)}/redrive`, { body });
        outcome.redriven += 1;
      } catch (error) {
        const { code, message } = asCallError(error);
        refused.push({ letter: id, code, detail: message });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { ...outcome, refused };
}

/** @throws {Error} if nothing was redriven, with the first reason. */
function told({ redriven, refused }: Outcome): string {
  const [first] = refused;
  if (first === undefined) return `${counted(redriven, 'request')} redriven.`;
  if (redriven === 0) throw new Error(`Nothing was redriven. ${first.detail}`);
  return `${counted(redriven, 'request')} redriven, ${refused.length} refused: ${first.detail}`;
}

function given(headers: Given, query: Given): object {
  return {
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(Object.keys(query).length === 0 ? {} : { query }),
  };
}

interface MissingProps {
  readonly letter: DeadLetterSummaryView;
  readonly headers: Signal<Given>;
  readonly query: Signal<Given>;
}

/** Fields for what the first letter does not keep. Those of the others are mostly the same. */
function Missing({ letter, headers, query }: MissingProps): JSX.Element {
  const view = useResource<DeadLetterView>(`${path}/${encodeURIComponent(letter.id)}`);
  return (
    <Loaded from={view}>
      {({ missingHeaders, missingQuery }) =>
        missingHeaders.length + missingQuery.length > 0 && (
          <fieldset>
            <legend>Dead letters keep no secrets. Give what these requests need:</legend>
            {missingHeaders.map((name) => (
              <Secret key={name} label={`Header ${name}`} name={name} values={headers} />
            ))}
            {missingQuery.map((name) => (
              <Secret key={name} label={`Parameter ${name}`} name={name} values={query} />
            ))}
          </fieldset>
        )
      }
    </Loaded>
  );
}

function Secret(props: {
  readonly label: string;
  readonly name: string;
  readonly values: Signal<Given>;
}): JSX.Element {
  const { label, name, values } = props;
  return (
    <Field
      label={label}
      type="password"
      autoComplete="off"
      value={values.value[name] ?? ''}
      onValue={(value) => {
        values.value = { ...values.value, [name]: value };
      }}
    />
  );
}
