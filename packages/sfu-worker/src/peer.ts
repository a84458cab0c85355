/** What the other end of a session is made of as well: for synthetic cameras and viewers, never for the server. */
export { InterleavedParser } from './ingress/rtsp/interleaved.ts';
export { FRAME, type Inspect, inspectorFor } from './rtp/inspect.ts';
export { crc32 } from './session/crc32.ts';
export { type Certificate, makeCertificate } from './session/dtls/certificate.ts';
export { useNativeCrypto } from './session/dtls/native-crypto.ts';
export { SrtpSender } from './session/srtp/protect.ts';
export { ReplayWindow } from './session/srtp/replay-window.ts';
export { guessIndex } from './session/srtp/rollover.ts';
export type { SrtpProfile } from './session/srtp/session-keys.ts';
export { SrtpReceiver } from './session/srtp/unprotect.ts';
export { bindingSuccess, parseBindingRequest } from './session/stun.ts';
