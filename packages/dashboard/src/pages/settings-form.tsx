import { useSignal } from '@preact/signals';
import { useId, useMemo } from 'preact/hooks';
import type { KeyMeanings, Settings } from '../api/shapes.ts';
import { matching } from '../table/table-model.ts';
import { Badge, Empty, Prose } from '../ui/parts.tsx';
import { isMasked, isWordList, kindOf, patchOf, readValue, textOf } from './setting-value.ts';

type SettingsFormProps = {
  readonly settings: Settings;
  /** Empty until they are known. */
  readonly meanings: KeyMeanings;
  readonly search: string;
  /** @param done is to be called when the change is made */
  readonly onPreview: (patch: Settings, done: () => void) => void;
};

type Draft = { readonly value?: unknown; readonly fault?: string; readonly text: string };

/** Every setting with its value. What is changed is marked, and goes out together. */
export function SettingsForm({ settings, meanings, search, onPreview }: SettingsFormProps) {
  const drafts = useSignal<Readonly<Record<string, Draft>>>({});
  const shown = useMemo(
    () =>
      matching(
        Object.entries(settings),
        search,
        ([key, value]) => `${key} ${JSON.stringify(value)} ${meanings[key]?.description ?? ''}`,
      ),
    [settings, meanings, search],
  );
  const edit = (key: string, draft: Draft | undefined): void => {
    const { [key]: _, ...rest } = drafts.value;
    drafts.value = draft === undefined ? rest : { ...rest, [key]: draft };
  };
  const faults = Object.values(drafts.value).filter(({ fault }) => fault !== undefined).length;
  const patch = patchOf(
    settings,
    Object.fromEntries(Object.entries(drafts.value).map(([key, { value }]) => [key, value])),
  );
  const changes = Object.keys(patch).length;
  return (
    <form
      class="card"
      aria-label="Settings"
      onSubmit={(event) => {
        event.preventDefault();
        onPreview(patch, () => {
          drafts.value = {};
        });
      }}
    >
      {shown.length === 0 && <Empty icon="search" title="No setting matches" />}
      <ul class="settings">
        {shown.map(([key, value]) => (
          <Row
            key={key}
            name={key}
            value={value}
            meaning={meanings[key]?.description}
            draft={drafts.value[key]}
            onEdit={(draft) => edit(key, draft)}
          />
        ))}
      </ul>
      <div class="form-foot">
        <span class="muted" role="status">
          {faults > 0
            ? `${faults} ${faults === 1 ? 'value is' : 'values are'} not valid`
            : changes === 0
              ? 'Nothing is changed yet.'
              : `${changes} ${changes === 1 ? 'change' : 'changes'}: ${Object.keys(patch).join(', ')}`}
        </span>
        <button
          type="button"
          class="button"
          disabled={Object.keys(drafts.value).length === 0}
          onClick={() => {
            drafts.value = {};
          }}
        >
          Undo all
        </button>
        <button type="submit" class="button primary" disabled={changes === 0 || faults > 0}>
          Preview
        </button>
      </div>
    </form>
  );
}

type RowProps = {
  readonly name: string;
  readonly value: unknown;
  readonly meaning: string | undefined;
  readonly draft: Draft | undefined;
  readonly onEdit: (draft: Draft | undefined) => void;
};

function Row({ name, value, meaning, draft, onEdit }: RowProps) {
  const id = useId();
  const isDefault = draft !== undefined && draft.value === null;
  const isChanged = draft !== undefined && (isDefault || draft.text !== shownText(value));
  return (
    <li class={isChanged ? 'changed' : ''}>
      <div class="setting-name">
        <label for={id} class="mono">
          {name}
        </label>
        {isMasked(value) && <Badge>secret masked</Badge>}
        {isDefault && <Badge tone="info">back to default</Badge>}
      </div>
      <div class="setting-value">
        <Field {...{ id, value, draft, onEdit }} isDisabled={isDefault} isDescribed={meaning !== undefined} />
        {draft?.fault !== undefined && (
          <p class="fault" role="alert">
            {draft.fault}
          </p>
        )}
        {meaning !== undefined && (
          <p class="meaning" id={`${id}-meaning`}>
            <Prose text={meaning} />
          </p>
        )}
      </div>
      <button
        type="button"
        class="button small plain"
        aria-label={isChanged ? `Undo the change of ${name}` : `Default for ${name}`}
        onClick={() => onEdit(isChanged ? undefined : { value: null, text: '' })}
      >
        {isChanged ? 'Undo' : 'Default'}
      </button>
    </li>
  );
}

function shownText(value: unknown): string {
  return isWordList(value) ? value.join(', ') : textOf(value);
}

type FieldProps = Pick<RowProps, 'value' | 'draft' | 'onEdit'> & {
  readonly id: string;
  readonly isDisabled: boolean;
  readonly isDescribed: boolean;
};

function Field({ id, value, draft, onEdit, isDisabled, isDescribed }: FieldProps) {
  const kind = kindOf(value);
  const text = draft === undefined || isDisabled ? shownText(value) : draft.text;
  const description = isDescribed ? { 'aria-describedby': `${id}-meaning` } : {};
  const common = { id, class: 'input', disabled: isDisabled, spellcheck: false, ...description };
  const read = (next: string): void => {
    const result = isWordList(value)
      ? {
          value: next
            .split(',')
            .map((word) => word.trim())
            .filter(Boolean),
        }
      : readValue(kind, next);
    onEdit('fault' in result ? { fault: result.fault, text: next } : { value: result.value, text: next });
  };
  if (kind === 'switch')
    return (
      <select {...common} value={text} onChange={({ currentTarget }) => read(currentTarget.value)}>
        <option value="true">on</option>
        <option value="false">off</option>
      </select>
    );
  if (kind === 'json' && !isWordList(value))
    return (
      <textarea
        {...common}
        rows={Math.min(14, text.split('\n').length)}
        value={text}
        onInput={({ currentTarget }) => read(currentTarget.value)}
      />
    );
  return (
    <input
      {...common}
      inputMode={kind === 'number' ? 'decimal' : 'text'}
      value={text}
      placeholder={isWordList(value) ? 'none' : ''}
      autocomplete="off"
      onInput={({ currentTarget }) => read(currentTarget.value)}
    />
  );
}
