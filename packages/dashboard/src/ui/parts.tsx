import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/client.ts';
import { Icon, type IconName } from './icon.tsx';

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | '';

type HeadProps = {
  readonly title: string;
  readonly detail?: ComponentChildren;
  readonly crumb?: ComponentChildren;
  readonly children?: ComponentChildren;
};

/** The head of a page: what it is, and what can be done with the whole of it. */
export function PageHead({ title, detail, crumb, children }: HeadProps) {
  return (
    <header class="page-head">
      <div class="title">
        {crumb !== undefined && <div class="crumb">{crumb}</div>}
        <h1 tabIndex={-1}>{title}</h1>
        {detail !== undefined && <p>{detail}</p>}
      </div>
      {children !== undefined && <div class="actions">{children}</div>}
    </header>
  );
}

type CardProps = {
  readonly title?: string;
  readonly end?: ComponentChildren;
  readonly isFlush?: boolean;
  readonly class?: string;
  readonly children: ComponentChildren;
};

export function Card({ title, end, isFlush, class: more = '', children }: CardProps) {
  return (
    <section class={`card ${more}`} {...(title === undefined ? {} : { 'aria-label': title })}>
      {title !== undefined && (
        <div class="card-head">
          <h2>{title}</h2>
          {end !== undefined && <div class="end">{end}</div>}
        </div>
      )}
      <div class={isFlush ? 'card-body flush' : 'card-body'}>{children}</div>
    </section>
  );
}

type StatProps = {
  readonly label: string;
  readonly value: string;
  readonly detail?: ComponentChildren;
  readonly tone?: Tone;
};

/** A figure with its name, to stand in a `dl.stats`. Its unit is set smaller. */
export function Stat({ label, value, detail, tone = '' }: StatProps) {
  const [, figure = value, unit = ''] = /^([\d.,–-]+) (.+)$/.exec(value) ?? [];
  return (
    <div class={`card stat ${tone}`}>
      <dt>{label}</dt>
      <dd class="value">
        {figure}
        {unit !== '' && <small>{unit}</small>}
      </dd>
      {detail !== undefined && <dd class="detail">{detail}</dd>}
    </div>
  );
}

export function Badge({ tone = '', children }: { readonly tone?: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** Its colour is explained beside it, or by `label`. */
export function Dot({ tone, label }: { readonly tone: Tone; readonly label?: string }) {
  return label === undefined ? (
    <span class={`dot ${tone}`} aria-hidden="true" />
  ) : (
    <span class={`dot ${tone}`} role="img" aria-label={label} title={label} />
  );
}

type MeterProps = { readonly label: string; readonly ratio: number; readonly text: string; readonly warnAt?: number };

/** How full something is, 0 to 1. */
export function Meter({ label, ratio, text, warnAt = 0.7 }: MeterProps) {
  const share = Math.min(1, Math.max(0, ratio));
  const tone = share >= 0.9 ? 'bad' : share >= warnAt ? 'warn' : '';
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw <meter> in colours of their own
    <div
      class={`meter ${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      aria-valuetext={text}
    >
      <span style={{ width: `${share * 100}%` }} />
    </div>
  );
}

type NoteProps = { readonly tone: Exclude<Tone, ''>; readonly children: ComponentChildren };

export function Note({ tone, children }: NoteProps) {
  return (
    <div class={`note ${tone}`}>
      <Icon name={tone === 'ok' ? 'ok' : tone === 'info' ? 'info' : 'warning'} />
      <div>{children}</div>
    </div>
  );
}

type EmptyProps = { readonly icon: IconName; readonly title: string; readonly children?: ComponentChildren };

/** What stands where there is nothing to show, and why. */
export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** What to show while `data` is not there: that it comes, or why it does not. */
export function Waiting({ error }: { readonly error: ApiError | undefined }) {
  if (error === undefined) return <p class="loading">Loading…</p>;
  return (
    <Empty icon="warning" title={error.status === 404 ? 'There is nothing here' : 'This could not be loaded'}>
      {error.message}
    </Empty>
  );
}

type SegmentsProps<T extends string> = {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly onChange: (value: T) => void;
};

/** One of a few. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>) {
  return (
    <div class="segments" role="radiogroup" aria-label={label}>
      {options.map(([option, text]) => (
        <label key={option}>
          <input
            type="radio"
            name={label}
            value={option}
            checked={option === value}
            onChange={() => onChange(option)}
          />
          {text}
        </label>
      ))}
    </div>
  );
}

type SearchProps = {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
};

export function Search({ label, value, onInput }: SearchProps) {
  return (
    <div class="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        spellcheck={false}
        autocomplete="off"
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
    </div>
  );
}

/** Text with `code` in it; a link of Markdown is its words. */
export function Prose({ text }: { readonly text: string }) {
  const parts = text.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1').split('`');
  return <>{parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}
