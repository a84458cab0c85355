/** A stream younger than this may be what a worker could not bear; one that ran for longer has shown that it can. */
const NEWCOMER_MS = 60_000;

/** Whose input a worker handled when it was lost: a stream's, by its telemetry slot, or some viewer's. */
export type Handling = { readonly slot: number } | 'viewer';

/** A stream that lived on a lost worker. */
export type Resident = {
  readonly name: string;
  /** Its telemetry slot there. */
  readonly slot: number;
  /** Since it first had a home on any worker. */
  readonly ageMs: number;
  /** Its source is the configuration's, so no stranger chose it. */
  readonly hasOwnSource: boolean;
};

/**
 * Which streams the loss of a worker is held against. Evidence counts alone: a stranger who can end a worker under ever new
 * names must not get the streams beside him quarantined, and a stream is not to blame for what its viewers send. Without
 * evidence the newcomers are suspects, and never the sources of the configuration. Pure.
 */
export function suspectsOf(handling: Handling | undefined, residents: readonly Resident[]): string[] {
  if (handling === 'viewer') return [];
  const suspects = residents.filter(({ slot, ageMs, hasOwnSource }) =>
    handling === undefined ? !hasOwnSource && ageMs < NEWCOMER_MS : slot === handling.slot,
  );
  return suspects.map(({ name }) => name);
}
