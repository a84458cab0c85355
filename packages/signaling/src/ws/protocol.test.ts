import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClientMessage, parseClientMessage } from './protocol.ts';

test('whatever comes, the result is a valid message or an error', () => {
  const almost = fc.record(
    {
      type: fc.constantFrom('list', 'subscribe', 'publish', 'close', 'restart-ice', 'ping', '__proto__'),
      id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
      path: fc.anything(),
      offer: fc.string(),
      session: fc.string(),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    almost.map((value) => JSON.stringify(value) ?? ''),
  );
  fc.assert(
    fc.property(text, (input) => {
      const result = parseClientMessage(input);
      if (result.type !== 'error') expect(ClientMessage.parse(result)).toEqual(result);
      else expect(result).toMatchObject({ code: 'BAD_REQUEST', message: expect.any(String) });
    }),
    { numRuns: 2_000 },
  );
});
