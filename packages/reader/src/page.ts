/** The element with that id, of that class. The server's page has it, so its absence is a bug. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no #${id}`);
  return found;
}

/** An endpoint beside this page; the page's query goes along, for it may hold a token. */
export function endpoint(name: 'whip' | 'whep'): URL {
  const url = new URL(name, window.location.href);
  url.search = window.location.search;
  return url;
}
