// The programs that tests drive: real cameras, encoders and browsers. Installed by the test command itself where it may.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const NEEDED = [
  { file: '/usr/bin/ffmpeg', packages: ['ffmpeg'] },
  { file: '/usr/bin/chromium', packages: ['chromium'] },
  {
    file: '/usr/bin/gst-launch-1.0',
    packages: [
      'gstreamer1.0-tools',
      'gstreamer1.0-plugins-base',
      'gstreamer1.0-plugins-good',
      'gstreamer1.0-plugins-bad',
      'gstreamer1.0-plugins-ugly',
      'gstreamer1.0-rtsp',
    ],
  },
  {
    file: '/usr/lib/x86_64-linux-gnu/girepository-1.0/GstRtspServer-1.0.typelib',
    packages: ['python3-gi', 'gir1.2-gst-rtsp-server-1.0'],
  },
];

/** Tests that want these are skipped, and counted as skipped, without them. */
const WANTED = [{ file: '/usr/bin/firefox-esr', packages: ['firefox-esr'] }];

/** @returns {string[]} names of packages that are still missing. */
export function ensureSystemPackages() {
  const absent = (list) => list.filter(({ file }) => !existsSync(file)).flatMap(({ packages }) => packages);
  const missing = () => absent(NEEDED);
  const toInstall = [...missing(), ...absent(WANTED)];
  if (toInstall.length === 0) return [];
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (mayInstall) {
    console.error(`installing for the tests: ${toInstall.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { stdio: ['ignore', 2, 2], env };
    spawnSync('apt-get', ['update', '-q'], options);
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...toInstall], options);
  }
  return missing();
}
