/** What of an SDP is about ICE, and how it travels in a PATCH (RFC 8840 §9, RFC 9725 §4.3). */

/** ice-char of RFC 8839 §5.4. */
const UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
const PWD = /^[A-Za-z0-9+/]{22,256}$/;

export type IceCredentials = { readonly ufrag: string; readonly pwd: string };
export type FragmentFault = 'no-lines' | 'bad-line' | 'bad-credentials';

/**
 * The credentials in a fragment, `undefined` when it has none (candidates alone), or a fault. Candidates are not
 * read: the ICE-lite side learns addresses from authenticated checks.
 */
export function parseFragment(body: string): IceCredentials | undefined | FragmentFault {
  const lines = body.split(/\r?\n/).filter((line) => line !== '');
  if (lines.length === 0) return 'no-lines';
  if (!lines.every((line) => /^[a-z]=/.test(line))) return 'bad-line';
  const ufrag = attribute(lines, 'a=ice-ufrag:');
  const pwd = attribute(lines, 'a=ice-pwd:');
  if (ufrag === undefined && pwd === undefined) return undefined;
  if (ufrag === undefined || pwd === undefined || !UFRAG.test(ufrag) || !PWD.test(pwd)) return 'bad-credentials';
  return { ufrag, pwd };
}

/** The `a=ice-ufrag` of an SDP. */
export function iceUfrag(sdp: string): string | undefined {
  return attribute(sdp.split(/\r?\n/), 'a=ice-ufrag:');
}

/** The lines of our answer that a fragment repeats: its first media section's and the candidates. */
export type AnswerIce = { readonly mediaLine: string; readonly mid: string; readonly candidates: readonly string[] };

export function answerIce(answer: string): AnswerIce {
  const lines = answer.split(/\r?\n/);
  return {
    mediaLine: lines.find((line) => line.startsWith('m=')) ?? 'm=video 9 UDP/TLS/RTP/SAVPF 0',
    mid: attribute(lines, 'a=mid:') ?? '0',
    candidates: [...new Set(lines.filter((line) => line.startsWith('a=candidate:')))],
  };
}

/** The body of a 200 to an ICE restart (RFC 9725 §4.3.2). */
export function writeFragment({ ufrag, pwd }: IceCredentials, { mediaLine, mid, candidates }: AnswerIce): string {
  const lines = [
    'a=ice-lite',
    mediaLine,
    `a=mid:${mid}`,
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    ...candidates,
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function attribute(lines: readonly string[], prefix: string): string | undefined {
  return lines
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length)
    .trim();
}
