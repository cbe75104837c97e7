import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { goTo, hrefOf } from '../data/route.ts';
import { Field } from '../parts/field.tsx';

/** Asks for a key, and goes to the page that explains it. */
export function WhereIsKey({ value = '' }: { readonly value?: string }): JSX.Element {
  const [key, setKey] = useState(value);
  return (
    <form
      class="one-line"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (key !== '') goTo(hrefOf(['keys'], { key }));
      }}
    >
      <Field label="Where is a key?" type="search" placeholder="tenant-7" mono value={key} onValue={setKey} />
      <button type="submit">Explain</button>
    </form>
  );
}
