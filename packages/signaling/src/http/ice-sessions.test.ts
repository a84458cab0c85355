import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ANSWER } from '../../test/fake-media.ts';
import { answerIce, parseFragment, writeFragment } from './ice-fragment.ts';
import { type IceSession, IceSessions } from './ice-sessions.ts';

const facts: IceSession = { kind: 'whep', path: 'cam', ufrag: 'abcd', answer: answerIce(ANSWER) };

test('sessions that ended are forgotten, in a bounded map', () => {
  const open: string[] = [];
  const sessions = new IceSessions((session) => open.includes(session));
  for (let index = 0; index < 10_000; index++) {
    open.push(`s${index}`);
    if (open.length > 10) open.shift();
    sessions.set(`s${index}`, facts);
    expect(sessions.size).toBeLessThanOrEqual(64);
  }
  for (const session of open) expect(sessions.get(session)).toBe(facts);
});

test('sessions that live are all kept', () => {
  const sessions = new IceSessions(() => true);
  for (let index = 0; index < 1_000; index++) sessions.set(`s${index}`, facts);
  expect(sessions.size).toBe(1_000);
  sessions.delete('s1');
  expect(sessions.get('s1')).toBeUndefined();
});

test('what is written as a fragment reads back', () => {
  const ice = (minLength: number) => fc.stringMatching(new RegExp(`^[A-Za-z0-9+/]{${minLength},40}$`));
  fc.assert(
    fc.property(ice(4), ice(22), (ufrag, pwd) => {
      expect(parseFragment(writeFragment({ ufrag, pwd }, answerIce(ANSWER)))).toEqual({ ufrag, pwd });
    }),
  );
});

test('only declared faults come out of a fragment', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom('a=ice-ufrag:abcd', `a=ice-pwd:${'p'.repeat(22)}`, 'm=', 'a=candidate:'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      const result = parseFragment(lines.join('\r\n'));
      if (typeof result === 'string') expect(['no-lines', 'bad-line', 'bad-credentials']).toContain(result);
      else if (result !== undefined) expect(result).toEqual({ ufrag: 'abcd', pwd: 'p'.repeat(22) });
    }),
    { numRuns: 1_000 },
  );
});
