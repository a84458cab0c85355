import { expect, test } from 'vitest';
import { attribute, offerStereo, restartedAnswer, restartFragment } from './sdp.ts';

const lines = (...parts: string[]) => `${parts.join('\r\n')}\r\n`;

test('Opus is asked for in stereo, once, and other codecs are left alone', () => {
  const offer = lines(
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
    'a=rtpmap:111 opus/48000/2',
    'a=fmtp:111 minptime=10;useinbandfec=1',
    'a=rtpmap:63 red/48000/2',
    'a=fmtp:63 111/111',
  );
  const stereo = offerStereo(offer);
  expect(stereo).toBe(offer.replace('useinbandfec=1', 'useinbandfec=1;stereo=1;sprop-stereo=1'));
  expect(offerStereo(stereo)).toBe(stereo);
  expect(offerStereo('v=0\r\n')).toBe('v=0\r\n');
});

test('a restart sends the new credentials and applies the server’s', () => {
  const offer = lines('v=0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:nnnn', 'a=ice-pwd:pppp', 'a=mid:0');
  expect(restartFragment(offer)).toBe(
    lines('a=ice-ufrag:nnnn', 'a=ice-pwd:pppp', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:0'),
  );
  const answer = lines('a=ice-ufrag:old', 'a=ice-pwd:old', 'a=candidate:1', 'a=ice-ufrag:old', 'a=ice-pwd:old');
  const restarted = restartedAnswer(answer, lines('a=ice-ufrag:$1new', 'a=ice-pwd:newpwd'));
  expect(restarted).toBe(
    lines('a=ice-ufrag:$1new', 'a=ice-pwd:newpwd', 'a=candidate:1', 'a=ice-ufrag:$1new', 'a=ice-pwd:newpwd'),
  );
  expect(() => restartedAnswer(answer, '')).toThrow('no ICE credentials');
});

test('attributes are found with either line ending', () => {
  expect(attribute('a=mid:0\na=x:1', 'mid')).toBe('0');
  expect(attribute('a=midi:0', 'mid')).toBeUndefined();
});
