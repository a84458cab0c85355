import { signal } from '@preact/signals';
import { send } from '../api/client.ts';
import type { Changed, ConfigEffects } from '../api/shapes.ts';
import { count } from '../format.ts';
import { Modal } from '../ui/confirm.tsx';
import { Badge, Note } from '../ui/parts.tsx';
import { say } from '../ui/toast.tsx';

type Change = {
  readonly title: string;
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly isDangerous?: boolean;
  readonly onDone: () => void;
};

type Previewed = Change & { readonly effects: ConfigEffects };

const previewed = signal<Previewed | undefined>(undefined);

/** Asks the server what the change would do, shows it, and makes it if that is wanted. */
export function previewChange(change: Change): void {
  send<Changed>(change.method, `${change.path}?dryRun=true`, change.body).then(
    ({ effects }) => {
      previewed.value = { ...change, effects };
    },
    (error: unknown) => say('bad', error instanceof Error ? error.message : String(error)),
  );
}

export function ChangePreview() {
  const change = previewed.value;
  if (change === undefined) return null;
  const { title, effects, isDangerous } = change;
  const close = (): void => {
    previewed.value = undefined;
  };
  const viewers = effects.paths.reduce((sum, { readers }) => sum + readers, 0);
  return (
    <Modal title={title} isWide onClose={close}>
      <div class="modal-body">
        <h2>{title}</h2>
        <p>
          This {effects.summary.startsWith('disturbs') ? '' : 'does the following: '}
          <strong>{effects.summary}</strong>.
        </p>
        {viewers > 0 && <Note tone="warn">{count(viewers)} viewers lose their stream for a moment.</Note>}
        {effects.paths.length > 0 && (
          <ul class="effects">
            {effects.paths.slice(0, 12).map(({ path, effect, readers }) => (
              <li key={path}>
                <Badge tone={effect === 'starts' ? 'ok' : 'warn'}>{effect}</Badge> {path}
                {readers > 0 && <span class="muted"> with {count(readers)} viewers</span>}
              </li>
            ))}
            {effects.paths.length > 12 && <li class="muted">and {count(effects.paths.length - 12)} more</li>}
          </ul>
        )}
        {effects.atWorkerStart.length > 0 && (
          <Note tone="info">
            {effects.atWorkerStart.join(', ')}: taken when a worker starts. Recycle the workers to have it now.
          </Note>
        )}
        {effects.atServerStart.length > 0 && (
          <Note tone="info">{effects.atServerStart.join(', ')}: taken at the next start of the server.</Note>
        )}
        {change.body !== undefined && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
          <pre class="code" tabIndex={0}>
            {JSON.stringify(change.body, null, 2)}
          </pre>
        )}
      </div>
      <div class="modal-foot">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          class={`button ${isDangerous === true ? 'danger' : 'primary'}`}
          onClick={() => {
            close();
            send<Changed>(change.method, change.path, change.body).then(
              (answer) => {
                say('ok', `Done: ${answer.effects.summary}.`);
                change.onDone();
              },
              (error: unknown) => say('bad', error instanceof Error ? error.message : String(error)),
            );
          }}
        >
          Apply
        </button>
      </div>
    </Modal>
  );
}
