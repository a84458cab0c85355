import { signal } from '@preact/signals';

/** Where in the dashboard one is: `#/streams/cam1?sort=name`. */
export type Route = {
  readonly page: string;
  /** After the page: a stream's name, with its slashes. */
  readonly item: string;
  readonly query: URLSearchParams;
};

/** Takes the part of an address after `#`. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?');
  const [page = '', ...rest] = path.split('/');
  return {
    page: page === '' ? 'overview' : page,
    item: rest.map(decoded).join('/'),
    query: new URLSearchParams(query),
  };
}

export function linkTo(page: string, item = '', query: Readonly<Record<string, string>> = {}): string {
  const name = item === '' ? '' : `/${item.split('/').map(encodeURIComponent).join('/')}`;
  const search = new URLSearchParams(query).toString();
  return `#/${page}${name}${search === '' ? '' : `?${search}`}`;
}

/** The present one; follows the address bar. */
export const route = signal<Route>(parseRoute(''));

export function followAddress(): void {
  const follow = (): void => {
    route.value = parseRoute(window.location.hash);
  };
  window.addEventListener('hashchange', follow);
  follow();
}

/** Changes the query of the present page without a new entry in the history. */
export function setQuery(changes: Readonly<Record<string, string | undefined>>): void {
  const { page, item, query } = route.value;
  const next: Record<string, string> = Object.fromEntries(query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === '') delete next[key];
    else next[key] = value;
  }
  const link = linkTo(page, item, next);
  window.history.replaceState(null, '', link);
  route.value = parseRoute(link);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
