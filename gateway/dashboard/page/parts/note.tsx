import type { ComponentChildren, JSX } from 'preact';
import type { CallError } from '../data/call.ts';
import type { Resource } from '../data/resource.ts';
import { Icon } from './icon.tsx';

/** A call that failed: what is wrong, what to do, and a way to try again. */
export function FaultNote({
  fault,
  retry,
}: {
  readonly fault: CallError;
  readonly retry?: (() => void) | undefined;
}): JSX.Element {
  return (
    <div class="note bad" role="alert">
      <Icon name="error" />
      <div>
        <p>
          <strong>{fault.message}</strong>
        </p>
        <p>{fault.advice}</p>
      </div>
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Nothing is there: why, and what would change that. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children !== undefined && <p class="soft">{children}</p>}
    </div>
  );
}

/** The content of a resource, or why there is none. */
export function Loaded<T>({
  from,
  children,
}: {
  readonly from: Resource<T>;
  readonly children: (data: T) => ComponentChildren;
}): JSX.Element {
  const { data, fault, isLoading, reload } = from;
  return (
    <>
      {fault !== undefined && <FaultNote fault={fault} retry={reload} />}
      {data !== undefined ? (
        <div class={isLoading ? 'stale' : undefined}>{children(data)}</div>
      ) : (
        fault === undefined && <p class="loading soft">Loading …</p>
      )}
    </>
  );
}
