import { effect, signal } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { CallError } from '../data/call.ts';
import { session } from '../data/session-state.ts';
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
  /** Whether the button that opens it goes away, or is disabled, when it is done. */
  readonly endsItsButton?: boolean;
  /** @returns what was done, in one sentence. */
  readonly run: () => Promise<string>;
}

const question = signal<Question | null>(null);

// Whoever signs in next was not asked.
effect(() => {
  if ((session.value?.role ?? null) === null) question.value = null;
});

// The question belongs to the page that asked it.
addEventListener('hashchange', () => {
  question.value = null;
});

/** Opens the dialog with a question. */
export function ask(asked: Question): void {
  question.value = asked;
}

/**
 * The one dialog of the page. Escape and Cancel close it; the focus goes back to where it was. If the button
 * there goes away, the heading of the page gets it, or the keyboard would start again at the top.
 */
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
      if (asked.endsItsButton) document.querySelector<HTMLElement>('main h1')?.focus();
    } catch (error) {
      const failed = asCallError(error);
      // The dialog may have gone with its page.
      if (dialog.current === null) tell(failed.message);
      else setFault(failed);
    } finally {
      setBusy(false);
    }
  };
  const isComplete = asked.isComplete?.value ?? true;
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      onCancel={(event) => {
        // Closing does not end what runs.
        if (isBusy) event.preventDefault();
      }}
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
          <button type="button" disabled={isBusy} onClick={close}>
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
