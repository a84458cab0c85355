import { useEffect, useRef } from 'preact/hooks';
import { useFeed } from './api/feed.ts';
import { feeds } from './api/feeds.ts';
import { duration } from './format.ts';
import { ChangePreview } from './pages/change-preview.tsx';
import { GROUPS, PAGES } from './pages.ts';
import { linkTo, route } from './router.ts';
import { Confirm } from './ui/confirm.tsx';
import { Icon } from './ui/icon.tsx';
import { Dot, Empty, Note } from './ui/parts.tsx';
import { setTheme, THEMES, theme } from './ui/theme.ts';
import { Toasts } from './ui/toast.tsx';

/** The whole page: navigation, the page that the address names, and what may lie over it. */
export function App() {
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const { page, item } = route.value;
  const found = PAGES.find(({ id }) => id === page);
  const title = found === undefined ? 'Not found' : item === '' ? found.title : item;
  useEffect(() => {
    document.title = `${title} · Shardcast`;
    // Another page begins at its top, and is read out by its heading.
    if (!isFirst.current) {
      main.current?.scrollTo(0, 0);
      main.current?.querySelector('h1')?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [title]);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Side />
      <main ref={main} tabIndex={-1}>
        <Unreachable />
        {found === undefined ? (
          <div class="page">
            <Empty icon="warning" title="There is no such page">
              <a href={linkTo('overview')}>To the overview</a>
            </Empty>
          </div>
        ) : (
          <found.component key={`${page}/${item}`} item={item} />
        )}
      </main>
      <Confirm />
      <ChangePreview />
      <Toasts />
    </div>
  );
}

function Side() {
  const { page } = route.value;
  const side = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a narrow screen the links do not all fit.
    side.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [page]);
  return (
    <header class="side" ref={side}>
      <div class="brand">
        <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
          <path
            fill="currentColor"
            d="M3 5.5 12 2v9L3 13.500zM13 2l8 3.500v7.500l-8-2zM3 15l9-2.500V22l-9-4zM13 12.500 21 15v3l-8 4z"
          />
        </svg>
        <span>Shardcast</span>
      </div>
      <nav aria-label="Pages">
        {GROUPS.map((group) => (
          <ul key={group[0]}>
            {PAGES.filter(({ id }) => group.includes(id)).map(({ id, title, icon }) => (
              <li key={id}>
                <a class="nav-link" href={linkTo(id)} {...(id === page ? { 'aria-current': 'page' as const } : {})}>
                  <Icon name={icon} />
                  {title}
                  {id === 'alarms' && <AlarmCount />}
                </a>
              </li>
            ))}
          </ul>
        ))}
      </nav>
      <SideFoot />
    </header>
  );
}

function AlarmCount() {
  const { data } = useFeed(feeds.overview);
  const firing = data.value?.alarms.firing ?? 0;
  if (firing === 0) return null;
  return (
    <span class="badge bad">
      {firing}
      <span class="sr"> firing</span>
    </span>
  );
}

function SideFoot() {
  const info = useFeed(feeds.info).data.value;
  const { data, error } = useFeed(feeds.overview);
  const isLive = data.value !== undefined && error.value === undefined;
  const nextTheme = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'auto';
  return (
    <div class="side-foot">
      <div class="about">
        <div class="live-dot">
          <Dot tone={isLive ? 'ok' : 'bad'} /> {isLive ? 'Live' : 'No connection'}
        </div>
        <div>{info === undefined ? '' : `Version ${info.version}`}</div>
        <div>{data.value === undefined ? '' : `Up ${duration(data.value.uptimeSeconds)}`}</div>
      </div>
      <div>
        <button type="button" class="button small" onClick={() => setTheme(nextTheme)}>
          <Icon name={theme.value} />
          <span class="about">{{ auto: 'System', light: 'Light', dark: 'Dark' }[theme.value]}</span>
          <span class="sr"> colours, change to {nextTheme}</span>
        </button>
      </div>
    </div>
  );
}

/** What is shown may be old. */
function Unreachable() {
  const { data, error } = useFeed(feeds.overview);
  const failure = error.value;
  return (
    <div role="status" aria-live="polite">
      {failure !== undefined && (
        <div class="banner">
          <Note tone="bad">
            {failure.message}.{' '}
            {data.value !== undefined &&
              `What is shown was known at ${new Date(data.value.time).toLocaleTimeString()}. `}
            It is tried again every second.
          </Note>
        </div>
      )}
    </div>
  );
}
