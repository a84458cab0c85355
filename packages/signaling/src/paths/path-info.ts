import type { PathInfo } from './media.ts';
import type { PathState } from './stream-registry.ts';

/** What the doors are told of a path. @param quarantined why it is kept from starting, if it is */
export function pathInfo(state: PathState, readers: number, quarantined: string | undefined): PathInfo {
  const { name, home } = state;
  const isOnline = state.state === 'online';
  return {
    name,
    confName: state.rule.confName,
    source: state.source === undefined ? undefined : { type: state.source },
    reason: isOnline ? undefined : (quarantined ?? state.reason ?? notBegun(state)),
    online: isOnline,
    onlineSince: state.onlineSince,
    tracks: state.tracks,
    readers,
    worker: home?.worker,
    slot: home?.slot,
  };
}

function notBegun({ rule }: PathState): string {
  if (rule.source === 'publisher') return 'nobody publishes to it';
  return rule.onDemand === undefined ? 'it has not begun yet' : 'its source is opened when somebody watches';
}
