export * from './address.ts';
export * from './address-rule.ts';
export { type AllowsAddress, allowedLookup, isRefusedLiteral } from './allowed-lookup.ts';
export { isInNetworks, networkList } from './networks.ts';
