/** Synthetic cameras and viewers; `shardcast bench` itself is `./command`. */
export { bindingRequest } from './traffic/binding-request.ts';
export { Camera } from './traffic/camera.ts';
export { CameraClock } from './traffic/camera-clock.ts';
export { type FrameCarrier, FrameSource, overSrtp, overTcp, overUdp } from './traffic/frame-source.ts';
export { MarkCheck } from './traffic/mark-check.ts';
export { FRAMES_PER_SECOND, nowMs, PAYLOAD_TYPE, SPROP } from './traffic/packets.ts';
export { describePeer } from './traffic/peer-description.ts';
export { type PeerKeys, PeerSocket } from './traffic/peer-socket.ts';
export { cpuSecondsOf, descriptorsOf, machineCpuSeconds, residentBytesOf } from './traffic/process-account.ts';
export { exchange, type Introduction, RefusedError } from './traffic/signalling.ts';
