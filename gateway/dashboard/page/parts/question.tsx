import { signal } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { CallError } from '../data/call.ts';
import { asCallError } from '../data/session.ts';
import { FaultNote } from './note.tsx';
import { tell } from './notice.tsx';

/** What a person is asked before something changes. */
export interface Question {
  readonly title: string;
  /** What it will do. */
  readonly body: ComponentChildren;
  /** The verb on the button, e.g. `Drain S2`. */
  readonly confirm: string;
  readonly tone?: 'danger';
  /** False while what is asked for is not complete. */
  readonly isComplete?: ReadonlySignal<boolean>;
  /** Said on the button while it runs, e.g. `Starting …`. */
  readonly busy?: string;
  /** @returns what was done, in one sentence. */
  readonly run: () => Promise<string>;
}

const question = signal<Question | null>(null);

// The question belongs to the page that asked it.
addEventListener('hashchange', () => {
  question.value = null;
});

/** Opens the dialog with a question. */
export function ask(asked: Question): void {
  question.value = asked;
}

/** The one dialog of the page. Escape and Cancel close it; the focus goes back to where it was. */
export function QuestionDialog(): JSX.Element | null {
  const asked = question.value;
  return asked === null ? null : <OpenDialog asked={asked} />;
}

function OpenDialog({ asked }: { readonly asked: Question }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<CallError>();
  useEffect(() => dialog.current?.showModal(), []);
  const close = (): void => dialog.current?.close();
  const run = async (): Promise<void> => {
    setBusy(true);
    setFault(undefined);
    try {
      tell(await asked.run());
      close();
    } catch (error) {
      setFault(asCallError(error));
    } finally {
      setBusy(false);
    }
  };
  const isComplete = asked.isComplete?.value ?? true;
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      onClose={() => {
        question.value = null;
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy && isComplete) void run();
        }}
      >
        <h2 id="question">{asked.title}</h2>
        <div class="question">{asked.body}</div>
        {fault !== undefined && <FaultNote fault={fault} />}
        <footer>
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={asked.tone ?? 'primary'} disabled={isBusy || !isComplete}>
            {isBusy ? (asked.busy ?? 'Working …') : asked.confirm}
          </button>
        </footer>
      </form>
    </dialog>
  );
}
