import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { Video } from '../ui/media.tsx';

/** Who only passes by asks for no picture. */
const REST_MS = 350;
const WIDTH = 320;
const HEIGHT = 212;

type Shown = { readonly name: string; readonly top: number; readonly left: number };

export type PreviewState = {
  readonly shown: Signal<Shown | undefined>;
  /** The row under the pointer or with the focus; undefined when there is none. */
  point(name: string | undefined, element: HTMLElement | undefined): void;
};

/** One live picture at most, of the stream on which the pointer or the focus rests. */
export function usePreview(): PreviewState {
  const shown = useSignal<Shown | undefined>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useMemo(
    () => ({
      shown,
      point(name, element) {
        clearTimeout(timer.current);
        if (shown.peek()?.name !== name) shown.value = undefined;
        if (name === undefined || element === undefined) return;
        timer.current = setTimeout(() => {
          const { top, left, width, bottom } = element.getBoundingClientRect();
          const below = bottom + 6;
          shown.value = {
            name,
            top: below + HEIGHT < window.innerHeight ? below : Math.max(8, top - HEIGHT - 6),
            left: Math.max(8, Math.min(left + Math.min(260, width * 0.3), window.innerWidth - WIDTH - 12)),
          };
        }, REST_MS);
      },
    }),
    [shown],
  );
}

/** Where it is drawn; takes no clicks. */
export function Preview({ preview }: { readonly preview: PreviewState }) {
  const shown = preview.shown.value;
  if (shown === undefined) return null;
  const { name, top, left } = shown;
  return (
    <div class="preview" style={{ top: `${top}px`, left: `${left}px` }} aria-hidden="true">
      <Video key={name} name={name} hasControls={false} />
      <div class="preview-name clip">{name}</div>
    </div>
  );
}
