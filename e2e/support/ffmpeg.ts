import { TestProcess } from './process.ts';

/** ffmpeg as a camera that pushes: a moving test picture as H.264, ended by `stop`. */
export class FfmpegPublisher extends TestProcess {
  constructor(
    url: string,
    options: {
      /** Of RTSP. */
      transport?: 'tcp' | 'udp';
      output?: readonly string[];
      input?: readonly string[];
      format?: 'rtsp' | 'whip';
    } = {},
  ) {
    const input = options.input ?? testPicture('640x360');
    const output = options.output ?? H264;
    const format =
      options.format === 'whip' ? ['-f', 'whip'] : ['-f', 'rtsp', '-rtsp_transport', options.transport ?? 'tcp'];
    super('/usr/bin/ffmpeg', [
      ...['-nostdin', '-hide_banner', '-loglevel', 'warning'],
      ...input,
      ...output,
      ...format,
      url,
    ]);
  }
}

/** A moving picture at 25 frames/s, in real time. */
export function testPicture(size: string): string[] {
  return ['-re', '-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25`];
}

/** libx264 without B-frames or look-ahead. @param keyframes frames from one to the next */
export function x264(options: {
  profile?: 'baseline' | 'main' | 'high';
  keyframes?: number;
  bitrate?: string;
  more?: readonly string[];
}): string[] {
  const { profile = 'baseline', keyframes = 50, bitrate = '1M', more = [] } = options;
  return [
    ...['-c:v', 'libx264', '-preset', profile === 'baseline' ? 'ultrafast' : 'superfast', '-tune', 'zerolatency'],
    ...['-profile:v', profile, '-g', String(keyframes), '-b:v', bitrate, '-pix_fmt', 'yuv420p'],
    ...more,
  ];
}

/** Baseline H.264, a keyframe every two seconds: what cameras send. */
export const H264 = x264({});
