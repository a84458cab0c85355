/** The repository's root folder. */
export const root = new URL('..', import.meta.url);
