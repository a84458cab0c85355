import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { encodeName, get } from '../api/client.ts';
import { useOwnFeed } from '../api/feed.ts';
import { getAll } from '../api/feeds.ts';
import type { KeyMeanings, Settings } from '../api/shapes.ts';
import { count } from '../format.ts';
import { linkTo, route, setQuery } from '../router.ts';
import { type Column, DataTable } from '../table/data-table.tsx';
import { matching } from '../table/table-model.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, PageHead, Search, Segments, Waiting } from '../ui/parts.tsx';
import { previewChange } from './change-preview.tsx';
import { SettingsForm } from './settings-form.tsx';

const SECTIONS = [
  ['', 'Settings'],
  ['paths', 'Paths'],
  ['defaults', 'Path defaults'],
] as const;

type ConfiguredPath = Settings & { readonly name: string };

/** What is configured, and a way to change it that says first what it will do. */
export function ConfigurationPage({ item }: { readonly item: string }) {
  if (item !== '') return <PathConfiguration name={item} />;
  const section = SECTIONS.find(([value]) => value === route.value.query.get('section'))?.[0] ?? '';
  const search = route.value.query.get('search') ?? '';
  return (
    <div class={section === 'paths' ? 'page fills' : 'page'}>
      <PageHead
        title="Configuration"
        detail="Changes are checked, previewed, kept in the journal, and survive a restart."
      >
        <Search label="Search" value={search} onInput={(value) => setQuery({ search: value })} />
        <Segments
          label="Section"
          value={section}
          options={SECTIONS}
          onChange={(value) => setQuery({ section: value, search: undefined })}
        />
      </PageHead>
      {section === 'paths' ? (
        <Paths search={search} />
      ) : (
        <Section key={section} name={section === '' ? 'global' : 'pathdefaults'} search={search} />
      )}
    </div>
  );
}

/** What the keys mean; empty until the server has said so. */
function useMeanings(of: 'global' | 'path'): KeyMeanings {
  const feed = useOwnFeed('keys', (signal) => get<Record<typeof of, KeyMeanings>>('config/keys', signal), 0);
  return feed.data.value?.[of] ?? NO_MEANINGS;
}

function Section({ name, search }: { readonly name: 'global' | 'pathdefaults'; readonly search: string }) {
  const feed = useOwnFeed(name, (signal) => get<Settings>(`config/${name}/get`, signal), 0);
  const meanings = useMeanings(name === 'global' ? 'global' : 'path');
  const settings = feed.data.value;
  if (settings === undefined) return <Waiting error={feed.error.value} />;
  return (
    <SettingsForm
      settings={settings}
      meanings={meanings}
      search={search}
      onPreview={(patch, done) =>
        previewChange({
          title: name === 'global' ? 'Change settings' : 'Change path defaults',
          method: 'PATCH',
          path: `config/${name}/patch`,
          body: patch,
          onDone: () => {
            done();
            feed.refresh();
          },
        })
      }
    />
  );
}

const NO_MEANINGS: KeyMeanings = {};

const COLUMNS: readonly Column<ConfiguredPath>[] = [
  {
    id: 'name',
    title: 'Path',
    width: '38%',
    sort: ({ name }) => name,
    cell: ({ name }) => (
      <div class="name-cell">
        <a href={linkTo('configuration', name)}>{name}</a>
      </div>
    ),
  },
  {
    id: 'source',
    title: 'Source',
    width: 'auto',
    sort: ({ source }) => String(source),
    cell: ({ source }) => <span class="mono">{String(source)}</span>,
  },
  {
    id: 'readers',
    title: 'Viewers at most',
    width: '140px',
    isNumber: true,
    priority: 2,
    sort: ({ maxReaders }) => Number(maxReaders),
    cell: ({ maxReaders }) => (Number(maxReaders) === 0 ? 'no limit' : count(Number(maxReaders))),
  },
];

function Paths({ search }: { readonly search: string }) {
  const feed = useOwnFeed('paths', (signal) => getAll<ConfiguredPath>('config/paths/list', signal), 10_000);
  const paths = feed.data.value;
  const { query } = route.value;
  const rows = useMemo(
    () => matching(paths ?? [], search, ({ name, source }) => `${name} ${String(source)}`),
    [paths, search],
  );
  if (paths === undefined) return <Waiting error={feed.error.value} />;
  return (
    <>
      <AddPath onDone={feed.refresh} />
      <div class="card table-card">
        <DataTable
          label="Configured paths"
          rows={rows}
          keyOf={({ name }) => name}
          columns={COLUMNS}
          sortBy={query.get('sort') ?? 'name'}
          direction={query.get('order') === 'descending' ? 'descending' : 'ascending'}
          onSort={(sort, order) => setQuery({ sort, order })}
          empty={
            <Empty icon="configuration" title={paths.length === 0 ? 'No path is configured' : 'No path matches'} />
          }
        />
      </div>
    </>
  );
}

function AddPath({ onDone }: { readonly onDone: () => void }) {
  const name = useSignal('');
  const source = useSignal('');
  return (
    <form
      class="card inline-form"
      aria-label="Add a path"
      onSubmit={(event) => {
        event.preventDefault();
        previewChange({
          title: `Add ${name.value}`,
          method: 'POST',
          path: `config/paths/add/${encodeName(name.value)}`,
          body: source.value === '' ? {} : { source: source.value },
          onDone: () => {
            name.value = '';
            source.value = '';
            onDone();
          },
        });
      }}
    >
      <label class="field">
        Name
        <input
          class="input"
          required
          value={name}
          onInput={({ currentTarget }) => (name.value = currentTarget.value)}
          placeholder="cam7"
          spellcheck={false}
        />
      </label>
      <label class="field wide">
        Source
        <input
          class="input"
          value={source}
          onInput={({ currentTarget }) => (source.value = currentTarget.value)}
          placeholder="rtsp://user:password@192.0.2.17/main, or empty to wait for a publisher"
          spellcheck={false}
          autocomplete="off"
        />
      </label>
      <button type="submit" class="button primary">
        <Icon name="plus" />
        Add path
      </button>
    </form>
  );
}

function PathConfiguration({ name }: { readonly name: string }) {
  const feed = useOwnFeed(name, (signal) => get<ConfiguredPath>(`config/paths/get/${encodeName(name)}`, signal), 0);
  const meanings = useMeanings('path');
  const found = feed.data.value;
  const settings = useMemo(() => {
    if (found === undefined) return undefined;
    const { name: _, ...rest } = found;
    return rest;
  }, [found]);
  return (
    <div class="page">
      <PageHead title={name} crumb={<a href={linkTo('configuration', '', { section: 'paths' })}>← Configured paths</a>}>
        <a class="button" href={linkTo('streams', name)}>
          Open the stream
        </a>
        <button
          type="button"
          class="button"
          disabled={found === undefined}
          onClick={() =>
            previewChange({
              title: `Delete ${name}`,
              method: 'DELETE',
              path: `config/paths/delete/${encodeName(name)}`,
              isDangerous: true,
              onDone: () => {
                window.location.hash = linkTo('configuration', '', { section: 'paths' });
              },
            })
          }
        >
          Delete
        </button>
      </PageHead>
      {settings === undefined ? (
        <Waiting error={feed.error.value} />
      ) : (
        <SettingsForm
          settings={settings}
          meanings={meanings}
          search=""
          onPreview={(patch, done) =>
            previewChange({
              title: `Change ${name}`,
              method: 'PATCH',
              path: `config/paths/patch/${encodeName(name)}`,
              body: patch,
              onDone: () => {
                done();
                feed.refresh();
              },
            })
          }
        />
      )}
    </div>
  );
}
