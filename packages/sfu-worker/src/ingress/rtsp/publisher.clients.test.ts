import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { FakeInlet, FakeLog, guardFor, missing } from '../../../test/rtsp/fake-inlet.ts';
import { NetConnection } from './net-connection.ts';
import { adoptRtspPublisher, type RtspPublisherHandle } from './publisher.ts';
import { UdpPairs } from './udp-pairs.ts';

const FFMPEG = '/usr/bin/ffmpeg';
const GSTREAMER = '/usr/bin/gst-launch-1.0';
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A server that takes its one publisher at once, as after main's handover. */
async function listen(inlet: FakeInlet, log: FakeLog) {
  const closed: string[] = [];
  let publisher: RtspPublisherHandle | undefined;
  const server = createServer((socket) => {
    publisher = adoptRtspPublisher({
      connection: NetConnection.over(socket),
      inlet,
      udpPairs: new UdpPairs(),
      session: '0123456789abcdef',
      log,
      guard: guardFor(log),
      readTimeoutMs: 5000,
      onClose: (reason) => {
        closed.push(reason);
        inlet.look();
      },
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // listen() on a TCP port gives an AddressInfo
  const { port } = server.address() as AddressInfo;
  return { server, closed, url: `rtsp://127.0.0.1:${port}/live/cam`, publisher: () => publisher };
}

function run(command: string, args: readonly string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let text = '';
  child.stdout.on('data', (bytes) => {
    text += String(bytes);
  });
  child.stderr.on('data', (bytes) => {
    text += String(bytes);
  });
  return { child, output: () => text };
}

const ffmpegArgs = (url: string, transport: string) => [
  ...['-nostdin', '-loglevel', 'warning', '-re', '-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=25'],
  ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'],
  ...['-map', '0:v', '-map', '1:a', '-map', '1:a', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency'],
  ...['-g', '25', '-c:a:0', 'libopus', '-c:a:1', 'aac', '-ac', '2', '-t', '30'],
  ...['-f', 'rtsp', '-rtsp_transport', transport, url],
];

describe.skipIf(!existsSync(FFMPEG))('a push by ffmpeg', () => {
  test.for(['tcp', 'udp'])('over %s reaches the stream whole and ends with TEARDOWN', async (transport) => {
    const inlet = new FakeInlet('live/cam');
    const log = new FakeLog();
    const { server, closed, url } = await listen(inlet, log);
    const { child, output } = run(FFMPEG, ffmpegArgs(url, transport));
    let exited = false;
    child.once('exit', () => {
      exited = true;
      inlet.look();
    });
    await inlet.until(() => exited || ((inlet.tracks[0]?.packets ?? 0) > 60 && (inlet.tracks[1]?.packets ?? 0) > 30));
    expect(exited, output()).toBe(false);

    const [source] = inlet.sources;
    expect(source?.description.tracks.map(({ kind, codec }) => [kind, codec.name])).toEqual([
      ['video', 'H264'],
      ['audio', 'OPUS'],
    ]);
    expect(source?.description.tracks[0]?.parameterSets?.map((nal) => (nal[0] ?? 0) & 0x1f)).toEqual([7, 8]);
    expect(source?.description.offered.map(({ skipped }) => skipped !== undefined)).toEqual([false, false, true]);
    expect(inlet.tracks.map(({ sequences }) => missing(sequences))).toEqual([0, 0]);
    expect([...(inlet.tracks[0]?.payloadTypes ?? [])]).toEqual([source?.description.tracks[0]?.payloadType]);
    expect(inlet.tracks[0]?.rtcp).toBeGreaterThan(0);
    // An empty receiver report: ffmpeg must swallow it.
    source?.upstream.sendRtcp(0, Buffer.from([0x80, 0xc9, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01]));

    child.kill('SIGTERM');
    await inlet.until(() => closed.length > 0);
    expect(closed).toEqual(['the publisher ended the stream']);
    expect(source?.closed).toBe('the publisher ended the stream');
    server.close();
  });

  test('is shown why it is refused', async () => {
    const inlet = new FakeInlet('another/path');
    const { server, closed, url } = await listen(inlet, new FakeLog());
    const { child, output } = run(FFMPEG, ffmpegArgs(url, 'tcp'));
    await once(child, 'exit');
    expect(output()).toContain('403');
    expect(closed).toEqual(['ANNOUNCE refused: Forbidden']);
    server.close();
  });
});

describe.skipIf(!existsSync(GSTREAMER))('a push by GStreamer rtspclientsink', () => {
  test.for(['tcp', 'udp'])('over %s reaches the stream whole', async (transport) => {
    const inlet = new FakeInlet('live/cam');
    const { server, closed, url } = await listen(inlet, new FakeLog());
    const pipeline = [
      ...['videotestsrc', 'is-live=true', '!', 'video/x-raw,width=320,height=240,framerate=25/1', '!'],
      ...['x264enc', 'tune=zerolatency', 'speed-preset=ultrafast', 'key-int-max=25', '!', 'h264parse', '!'],
      ...['rtspclientsink', `location=${url}`, `protocols=${transport}`],
    ];
    const { child, output } = run(GSTREAMER, ['-q', ...pipeline]);
    let exited = false;
    child.once('exit', () => {
      exited = true;
      inlet.look();
    });
    await inlet.until(() => exited || closed.length > 0 || (inlet.tracks[0]?.packets ?? 0) > 60);
    expect(exited, output()).toBe(false);
    expect(closed).toEqual([]);
    expect(inlet.sources[0]?.description.tracks[0]?.codec.name).toBe('H264');
    expect(missing(inlet.tracks[0]?.sequences ?? [])).toBe(0);
    child.kill('SIGKILL');
    await inlet.until(() => closed.length > 0);
    expect(inlet.sources[0]?.closed).toBeDefined();
    server.close();
  });
});
