import { createHash } from 'node:crypto';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0}
main{max-width:42rem;margin:2rem auto;padding:0 1rem}
.stage{background:#000;height:100vh;position:relative}
video{width:100%;height:100%;background:#000;display:block}
#message{position:absolute;inset:auto 0 1rem;margin:auto;width:fit-content;max-width:90%;padding:.4rem .9rem;border-radius:.5rem;background:#000c;color:#fff}
#message:empty{display:none}
#unmute{position:absolute;top:1rem;right:1rem}
form,.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end;margin:1rem 0}
label{display:grid;font-size:.85rem}
button,select{font:inherit;padding:.3rem .7rem}
.preview{aspect-ratio:16/9;position:relative;background:#000}
code{background:#8882;padding:.1rem .3rem;border-radius:.25rem}
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Scripts only from here, styles only ours; pages may be embedded, for that is how players are used. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'sha256-${STYLE_HASH}'`,
  "connect-src 'self'",
  "media-src 'self' blob: mediastream:",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

function page(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
${head}</head>
${body}
</html>
`;
}

/** Attributes of the player's `<video>`. */
export type PlayerOptions = {
  readonly controls: boolean;
  readonly muted: boolean;
  readonly autoplay: boolean;
  readonly playsInline: boolean;
  readonly disablePictureInPicture: boolean;
};

/** Reads `controls`, `muted`, `autoplay`, `playsInline`, `disablepictureinpicture`, as MediaMTX's player does. */
export function playerOptions(query: URLSearchParams): PlayerOptions {
  const flag = (name: string, otherwise: boolean) => {
    const value = query.get(name);
    return value === null ? otherwise : !['0', 'false', 'no', 'off'].includes(value.toLowerCase());
  };
  return {
    controls: flag('controls', true),
    muted: flag('muted', true),
    autoplay: flag('autoplay', true),
    playsInline: flag('playsInline', true),
    disablePictureInPicture: flag('disablepictureinpicture', false),
  };
}

export function playerPage(path: string, options: PlayerOptions): string {
  const attributes = [
    options.controls ? ' controls' : '',
    options.muted ? ' muted' : '',
    options.autoplay ? ' autoplay' : '',
    options.playsInline ? ' playsinline' : '',
    options.disablePictureInPicture ? ' disablepictureinpicture' : '',
  ].join('');
  return page(
    path,
    '<script type="module" src="player-page.js"></script>\n',
    `<body>
<div class="stage">
<video id="video"${attributes}></video>
<output id="message" aria-live="polite">connecting</output>
</div>
</body>`,
  );
}

export function publisherPage(path: string): string {
  return page(
    `publish ${path}`,
    '<script type="module" src="publisher-page.js"></script>\n',
    `<body>
<main>
<h1>Publish <code>${escapeHtml(path)}</code></h1>
<form id="form">
<label>Video<select id="video-device"><option value="none">none</option><option value="camera" selected>camera</option><option value="screen">screen</option></select></label>
<label>Codec<select id="codec"><option value="" selected>automatic</option><option>H264</option><option>VP8</option><option>VP9</option><option>AV1</option></select></label>
<label>Width<select id="width"><option>640</option><option selected>1280</option><option>1920</option></select></label>
<label>kbit/s<select id="bitrate"><option>500</option><option>1000</option><option selected>2500</option><option>6000</option></select></label>
<label>Audio<select id="audio-device"><option value="none">none</option><option value="microphone" selected>microphone</option></select></label>
<button id="start" type="button">Publish</button>
<button id="stop" type="button" disabled>Stop</button>
</form>
<div class="preview"><video id="video" muted autoplay playsinline></video><output id="message" aria-live="polite"></output></div>
</main>
</body>`,
  );
}

/** @param streams names of the live streams */
export function indexPage(streams: readonly string[]): string {
  const items = streams.map((name) => `<li><a href="/${escapeHtml(name)}/">${escapeHtml(name)}</a></li>`);
  const listing =
    items.length === 0
      ? '<p>No stream is live. Publish one to <code>/name/whip</code> or <code>rtsp://…/name</code>.</p>'
      : `<ul>\n${items.join('\n')}\n</ul>`;
  return page(
    'Shardcast',
    '<meta http-equiv="refresh" content="5">\n',
    `<body>
<main>
<h1>Live streams</h1>
${listing}
</main>
</body>`,
  );
}
