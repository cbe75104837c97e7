import type { JSX } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly hint?: string;
  readonly placeholder?: string;
  readonly type?: 'text' | 'search' | 'number' | 'password' | 'datetime-local';
  readonly name?: string;
  readonly autoComplete?: string;
  readonly min?: number;
  readonly max?: number;
  readonly mono?: boolean;
}

/** An input with its label above it. */
export function Field(props: FieldProps): JSX.Element {
  const { label, value, onValue, hint, type = 'text', mono = false, autoComplete = 'off', ...rest } = props;
  const id = useId();
  // Preact's types know each kind of input, but not one of several kinds.
  const kind: object = { type };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...rest}
        id={id}
        class={mono ? 'mono' : ''}
        {...kind}
        value={value}
        autocomplete={autoComplete}
        spellcheck={false}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} class="hint soft">
          {hint}
        </p>
      )}
    </div>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  /** The values; '' is shown as `any`. */
  readonly options: readonly string[];
}

/** A choice of one, with its label above it. */
export function Choice({ label, value, onValue, options }: ChoiceProps): JSX.Element {
  const id = useId();
  const known = value === '' || options.includes(value) ? options : [...options, value];
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={({ currentTarget }) => onValue(currentTarget.value)}>
        <option value="">any</option>
        {known.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A choice of one among few, all of them visible. */
export function Segments({
  label,
  value,
  options,
  onValue,
}: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onValue: (value: string) => void;
}): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onValue(option)}>
          {option}
        </button>
      ))}
    </div>
  );
}
