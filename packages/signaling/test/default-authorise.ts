import { ConfigSchema } from '@shardcast/shared/config';
import { Authoriser } from '../src/auth/authoriser.ts';

/** As it comes: everyone publishes and reads, the same host does the rest. */
export const { authorise } = await Authoriser.create(ConfigSchema.parse({}), {
  log: { error() {}, warn() {}, info() {}, debug() {} },
  clock: () => performance.now(),
});
