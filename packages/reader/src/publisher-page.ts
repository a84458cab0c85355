import { element, endpoint } from './page.ts';
import { MediaPublisher } from './publisher.ts';

const video = element('video', HTMLVideoElement);
const message = element('message', HTMLOutputElement);
const start = element('start', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const chosen = (id: string): string => element(id, HTMLSelectElement).value;

let publisher: MediaPublisher | undefined;
let stream: MediaStream | undefined;

async function capture(): Promise<MediaStream> {
  const width = { ideal: Number(chosen('width')) };
  const audio = chosen('audio-device') === 'microphone';
  const source = chosen('video-device');
  if (source !== 'screen')
    return navigator.mediaDevices.getUserMedia({ video: source === 'camera' && { width }, audio });
  const screen = await navigator.mediaDevices.getDisplayMedia({ video: { width } });
  if (audio) {
    const microphone = await navigator.mediaDevices.getUserMedia({ audio });
    for (const track of microphone.getTracks()) screen.addTrack(track);
  }
  return screen;
}

async function publish(): Promise<void> {
  start.disabled = true;
  try {
    // Browsers have no cameras for pages without TLS, but for those of localhost.
    if (navigator.mediaDevices === undefined) throw new Error('the browser wants HTTPS or localhost for cameras');
    message.value = 'waiting for the devices';
    stream = await capture();
  } catch (error) {
    message.value = error instanceof Error ? error.message : String(error);
    start.disabled = false;
    return;
  }
  stop.disabled = false;
  video.srcObject = stream;
  for (const track of stream.getTracks()) track.addEventListener('ended', end);
  const codec = chosen('codec');
  publisher = new MediaPublisher({
    url: endpoint('whip'),
    stream,
    videoBitrateBps: Number(chosen('bitrate')) * 1_000,
    ...(codec === '' ? {} : { videoCodec: codec }),
    onState(state, detail) {
      document.body.dataset['state'] = state;
      message.value = state === 'waiting' ? `${detail}, trying again` : state === 'connected' ? 'publishing' : detail;
    },
  });
}

function end(): void {
  publisher?.close();
  publisher = undefined;
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  video.srcObject = null;
  message.value = '';
  start.disabled = false;
  stop.disabled = true;
}

start.addEventListener('click', () => void publish());
stop.addEventListener('click', end);
window.addEventListener('pagehide', end);
