import type { Stream } from '../api/shapes.ts';

const SOURCES: Readonly<Record<string, string>> = {
  webRTCSession: 'WHIP',
  rtspSession: 'RTSP push',
  rtspSource: 'RTSP pull',
  fileSource: 'File',
};

/** For people. */
export function sourceName({ source }: Pick<Stream, 'source'>): string {
  return source === null ? 'none' : (SOURCES[source.type] ?? source.type);
}
