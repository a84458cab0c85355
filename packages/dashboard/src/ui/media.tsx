import { useSignal } from '@preact/signals';
import { type ConnectionState, MediaReader } from '@shardcast/reader';
import { useEffect, useRef } from 'preact/hooks';
import { encodeName, serverUrl, token } from '../api/client.ts';

type VideoProps = { readonly name: string; readonly hasControls: boolean };

/** Plays a stream, muted, as long as it is on the page; says what it waits for. */
export function Video({ name, hasControls }: VideoProps) {
  const video = useRef<HTMLVideoElement>(null);
  const state = useSignal<{ is: ConnectionState; detail: string }>({ is: 'connecting', detail: '' });
  useEffect(() => {
    const reader = new MediaReader({
      url: serverUrl(`../${encodeName(name)}/whep`),
      ...(token === undefined ? {} : { token }),
      onTrack({ streams: [stream], track }) {
        const element = video.current;
        const next = stream ?? new MediaStream([track]);
        if (element === null || element.srcObject === next) return;
        element.srcObject = next;
        element.play().catch(() => {
          // a newer source took its place, or the page is being left
        });
      },
      onState(is, detail) {
        state.value = { is, detail };
      },
    });
    const leave = (): void => reader.close();
    window.addEventListener('pagehide', leave);
    return () => {
      window.removeEventListener('pagehide', leave);
      reader.close();
    };
  }, [name, state]);
  const { is, detail } = state.value;
  return (
    <div class="video">
      <video ref={video} muted autoplay playsInline controls={hasControls} aria-label={`Live picture of ${name}`} />
      {is !== 'connected' && <p class="video-note">{is === 'waiting' ? detail : 'Connecting…'}</p>}
    </div>
  );
}
