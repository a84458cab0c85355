import { signal } from '@preact/signals';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'shardcast-theme';

/** What the user wants; `auto` is what the system says. */
export const theme = signal<Theme>('auto');
/** Counts changes of colours, whoever made them: what is drawn on a canvas is drawn anew. */
export const colours = signal(0);

export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = next;
  colours.value++;
  try {
    window.localStorage.setItem(KEY, next);
  } catch {
    // a browser that keeps nothing
  }
}

export function restoreTheme(): void {
  let kept: string | null = null;
  try {
    kept = window.localStorage.getItem(KEY);
  } catch {
    // likewise
  }
  setTheme(THEMES.find((name) => name === kept) ?? 'auto');
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    colours.value++;
  });
}

/** A colour of the style sheet as a canvas takes it, for `element`. */
export function colourOf(element: HTMLElement, name: `--${string}`): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
