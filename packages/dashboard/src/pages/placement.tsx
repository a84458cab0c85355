import { encodeName, get } from '../api/client.ts';
import { useOwnFeed } from '../api/feed.ts';
import type { Placement } from '../api/shapes.ts';
import { duration, percent, UNKNOWN } from '../format.ts';
import { Badge, Waiting } from '../ui/parts.tsx';

/** Why a stream lives on its worker, and what the others carry. */
export function PlacementFacts({ name }: { readonly name: string }) {
  const { data, error } = useOwnFeed(
    `placement/${name}`,
    (signal) => get<Placement>(`placement/explain/${encodeName(name)}`, signal),
    5_000,
  );
  const placement = data.value;
  if (placement === undefined) return <Waiting error={error.value} />;
  const { worker, reason, ageSeconds, candidates, bound, wouldGoTo } = placement;
  return (
    <div class="stack">
      <p>
        {worker === null ? 'It has no worker' : `It lives on worker ${worker}`}: {reason}
        {ageSeconds !== null && <span class="muted">, for {duration(ageSeconds)}</span>}.
      </p>
      {candidates.length > 0 && (
        <table
          class="data compact"
          aria-label={`Workers that could take ${name}, in the order in which they are asked`}
        >
          <thead>
            <tr>
              <th scope="col">Worker</th>
              <th scope="col" class="number">
                Load
              </th>
              <th scope="col">Room</th>
            </tr>
          </thead>
          <tbody>
            {candidates.map((candidate) => (
              <tr key={candidate.worker}>
                <td>
                  {candidate.worker} {candidate.worker === worker && <Badge tone="info">here</Badge>}{' '}
                  {candidate.worker === wouldGoTo && candidate.worker !== worker && <Badge>would go here now</Badge>}
                </td>
                <td class="number">{percent(candidate.load)}</td>
                <td>{candidate.fits ? 'yes' : 'full'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p class="muted">
        The first with room takes a new stream: one with a load of less than {bound === null ? UNKNOWN : percent(bound)}
        .
      </p>
    </div>
  );
}
