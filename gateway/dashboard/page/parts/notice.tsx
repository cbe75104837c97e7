import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const shownMs = 6000;
const notice = signal('');
let timer: number | undefined;

/** Says for some seconds what has been done, also to screen readers. */
export function tell(text: string): void {
  notice.value = text;
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    notice.value = '';
  }, shownMs);
}

/** Where {@link tell} says it. */
export function Notice(): JSX.Element {
  return (
    <div class="toast" role="status" aria-live="polite">
      {notice.value !== '' && <p>{notice.value}</p>}
    </div>
  );
}
