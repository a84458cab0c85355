import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { say } from './toast.tsx';

type Question = {
  readonly title: string;
  readonly text: string;
  /** What the button says. */
  readonly action: string;
  readonly isDangerous?: boolean;
  /** What is said when it is done. */
  readonly done: string;
  readonly act: () => Promise<unknown>;
};

const question = signal<Question | undefined>(undefined);

/** Asks before something is done that disturbs somebody; does it, and says what came of it. */
export function confirmThen(asked: Question): void {
  question.value = asked;
}

export function Confirm() {
  const asked = question.value;
  const close = (): void => {
    question.value = undefined;
  };
  if (asked === undefined) return null;
  return (
    <Modal title={asked.title} onClose={close}>
      <div class="modal-body">
        <h2>{asked.title}</h2>
        <p class="muted">{asked.text}</p>
      </div>
      <div class="modal-foot">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          class={`button ${asked.isDangerous === false ? 'primary' : 'danger'}`}
          onClick={() => {
            close();
            asked.act().then(
              () => say('ok', asked.done),
              (error: unknown) => say('bad', error instanceof Error ? error.message : String(error)),
            );
          }}
        >
          {asked.action}
        </button>
      </div>
    </Modal>
  );
}

type ModalProps = {
  readonly title: string;
  readonly isWide?: boolean;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
};

/** A dialog over the page; Escape closes it, and the focus goes back to where it was. */
export function Modal({ title, isWide, onClose, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} class={isWide ? 'modal wide' : 'modal'} aria-label={title} onClose={onClose}>
      {children}
    </dialog>
  );
}
