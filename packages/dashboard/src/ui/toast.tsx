import { signal } from '@preact/signals';
import { Icon } from './icon.tsx';

type Toast = { readonly id: number; readonly kind: 'ok' | 'bad'; readonly text: string };

const SHOWN_MS = 6_000;
const toasts = signal<readonly Toast[]>([]);
let last = 0;

/** Says, and has read out, what came of something that the user did. */
export function say(kind: Toast['kind'], text: string): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-3), { id, kind, text }];
  setTimeout(() => {
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
  }, SHOWN_MS);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, kind, text }) => (
        <div key={id} class={`toast ${kind}`}>
          <Icon name={kind === 'ok' ? 'ok' : 'warning'} />
          <span>{text}</span>
        </div>
      ))}
    </div>
  );
}
