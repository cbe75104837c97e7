import type { JSX } from 'preact';
import { tell } from './notice.tsx';
import { Icon } from './icon.tsx';

/** Copies a text. The clipboard exists only on https and on loopback; elsewhere there is no button. */
export function CopyButton({
  text,
  what,
}: {
  readonly text: string;
  readonly what: string;
}): JSX.Element | null {
  if (!isSecureContext) return null;
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => tell(`Copied ${what}.`),
      () => tell('The browser does not allow the page to copy.'),
    );
  };
  return (
    <button
      type="button"
      class="quiet icon-only"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={copy}
    >
      <Icon name="copy" />
    </button>
  );
}
