export * from './address.ts';
export * from './find-path.ts';
export * from './keys.ts';
export * from './load.ts';
export { type Arguments, type Command, parseArguments } from './overrides.ts';
export * from './path-name.ts';
export * from './schema.ts';
export * from './values.ts';
