/** Shardcast as it comes, on either media path. */
export const TOBE: readonly string[] = ['shardcast TOBE', 'shardcast TOBE portable'];
