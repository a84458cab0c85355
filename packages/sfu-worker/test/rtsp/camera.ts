import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../../e2e/support/rtsp-camera.py', import.meta.url));
const PYTHON = '/usr/bin/python3';

/** Whether GStreamer's RTSP server is there to play the camera. */
export const hasCamera =
  existsSync(PYTHON) &&
  ['x86_64-linux-gnu', 'aarch64-linux-gnu'].some((arch) =>
    existsSync(`/usr/lib/${arch}/girepository-1.0/GstRtspServer-1.0.typelib`),
  );

/** A camera of the end-to-end suite, listening. Kill `child` when done. */
export async function startCamera(args: readonly string[] = []): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(PYTHON, [SCRIPT, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  const port = await new Promise<number>((resolve, reject) => {
    const look = (bytes: unknown) => {
      text += String(bytes);
      const ready = /^ready (\d+)$/m.exec(text);
      if (ready !== null) resolve(Number(ready[1]));
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('exit', () => reject(new Error(`the camera did not start: ${text}`)));
  });
  return { child, port };
}
