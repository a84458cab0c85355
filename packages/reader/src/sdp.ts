/** The first value of an attribute such as `a=ice-ufrag:`, at session or media level. */
export function attribute(sdp: string, name: string): string | undefined {
  const prefix = `a=${name}:`;
  return sdp
    .split(/\r?\n/)
    .find((line) => line.startsWith(prefix))
    ?.slice(prefix.length)
    .trim();
}

/** Asks for Opus in stereo: browsers decode to mono unless the offer says otherwise (RFC 7587 §6.1). */
export function offerStereo(sdp: string): string {
  const payloadTypes = [...sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2\s*$/gim)].map((match) => match[1]);
  return payloadTypes.reduce<string>((result, payloadType) => {
    const fmtp = new RegExp(`^(a=fmtp:${payloadType} (?!.*\\bstereo=).*?)(\\r?)$`, 'm');
    return result.replace(fmtp, '$1;stereo=1;sprop-stereo=1$2');
  }, sdp);
}

/** The fragment that asks for an ICE restart with the credentials of `offer` (RFC 8840 §9). */
export function restartFragment(offer: string): string {
  const media = offer.split(/\r?\n/).find((line) => line.startsWith('m=')) ?? '';
  return [
    `a=ice-ufrag:${attribute(offer, 'ice-ufrag')}`,
    `a=ice-pwd:${attribute(offer, 'ice-pwd')}`,
    media,
    `a=mid:${attribute(offer, 'mid')}`,
    '',
  ].join('\r\n');
}

/** `answer` with the server's new credentials, taken from its fragment. */
export function restartedAnswer(answer: string, fragment: string): string {
  const ufrag = attribute(fragment, 'ice-ufrag');
  const pwd = attribute(fragment, 'ice-pwd');
  if (ufrag === undefined || pwd === undefined) throw new Error('the server sent no ICE credentials');
  return answer
    .replace(/^a=ice-ufrag:.*?(\r?)$/gm, (_line, end: string) => `a=ice-ufrag:${ufrag}${end}`)
    .replace(/^a=ice-pwd:.*?(\r?)$/gm, (_line, end: string) => `a=ice-pwd:${pwd}${end}`);
}
