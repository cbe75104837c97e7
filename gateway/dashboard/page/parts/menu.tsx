import type { JSX } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** Something that can be done. It opens a question that says what it will do. */
export interface MenuItem {
  readonly label: string;
  readonly run: () => void;
  readonly tone?: 'danger';
}

/** A button that shows what can be done. Escape and a click elsewhere close it, as the browser does for popovers. */
export function Menu({
  label,
  items,
}: {
  readonly label: string;
  readonly items: readonly MenuItem[];
}): JSX.Element {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  const place = (): void => {
    if (button.current === null || list.current === null) return;
    const { bottom, top, right } = button.current.getBoundingClientRect();
    const { style, offsetHeight } = list.current;
    const below = bottom + offsetHeight + 8 < innerHeight;
    style.setProperty('top', `${below ? bottom + 4 : Math.max(8, top - offsetHeight - 4)}px`);
    style.setProperty('right', `${document.documentElement.clientWidth - right}px`);
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class="quiet icon-only"
        popovertarget={id}
        aria-label={label}
        aria-expanded={isOpen}
      >
        <Icon name="more" />
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        class="menu"
        onToggle={({ newState }) => {
          setOpen(newState === 'open');
          if (newState === 'open') requestAnimationFrame(place);
        }}
      >
        {isOpen &&
          items.map((item) => (
            <button
              key={item.label}
              type="button"
              class={item.tone}
              onClick={() => {
                list.current?.hidePopover();
                item.run();
              }}
            >
              {item.label}
            </button>
          ))}
      </div>
    </>
  );
}
