/** The configuration: what it may say, how it is read and written. Apart from the package's index, as worker threads never read one. */
export type { AlarmSettings } from './alarm-schema.ts';
export * from './auth-schema.ts';
export * from './changes.ts';
export * from './find-path.ts';
export * from './keys.ts';
export * from './load.ts';
export { type Arguments, type Command, parseArguments } from './overrides.ts';
export * from './path-name.ts';
export { patternGroups } from './path-pattern.ts';
export * from './schema.ts';
export * from './values.ts';
export * from './written.ts';
