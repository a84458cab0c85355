/** Longest path name, characters. */
export const MAX_PATH_NAME = 256;

/**
 * Why `name` cannot name a stream, or undefined when it can: letters, digits and `_ - . ~ :` in segments separated by
 * single slashes. Every door asks this before a name goes anywhere, so names are safe in URLs, logs and labels.
 */
export function pathNameFault(name: string): string | undefined {
  if (name === '') return 'a path name cannot be empty';
  if (name.length > MAX_PATH_NAME) return `a path name has at most ${MAX_PATH_NAME} characters`;
  if (!/^[0-9A-Za-z_\-./~:]+$/.test(name)) return 'a path name has only letters, digits and _ - . ~ : /';
  for (const segment of name.split('/')) {
    if (segment === '') return 'a path name has no empty segments';
    if (segment === '.' || segment === '..') return 'a path name has no . or .. segments';
    // They end the path in a WHIP or WHEP URL, so such a stream could not be reached.
    if (segment === 'whip' || segment === 'whep') return `a path name has no segment ${segment}`;
  }
  return undefined;
}
