import { element, endpoint } from './page.ts';
import { MediaReader } from './reader.ts';

const video = element('video', HTMLVideoElement);
const message = element('message', HTMLOutputElement);

const reader = new MediaReader({
  url: endpoint('whep'),
  onTrack({ streams: [stream], track }) {
    const next = stream ?? new MediaStream([track]);
    if (video.srcObject === next) return; // the same stream's other track
    // Until now the last picture of the connection before stayed on show.
    video.srcObject = next;
    if (!video.autoplay) return;
    video.play().catch((error: unknown) => {
      // Browsers play sound only after a click; a newer source (AbortError) is no fault.
      if (error instanceof DOMException && error.name === 'NotAllowedError') message.value = 'press play';
    });
  },
  onState(state, detail) {
    document.body.dataset['state'] = state;
    message.value = state === 'waiting' ? `${detail}, trying again` : state === 'connecting' ? detail : '';
  },
});

window.addEventListener('pagehide', () => reader.close());
// A page from the back-forward cache has a closed reader.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) window.location.reload();
});
