import { expect, test } from 'vitest';
import { linkTo, parseRoute } from './router.ts';

test('a link leads where it says, whatever a stream is called', () => {
  for (const name of ['cam1', 'site/north/cam~1', 'a:b', 'ä?#&']) {
    const { page, item, query } = parseRoute(linkTo('streams', name, { window: '1h' }));
    expect([page, item, query.get('window')]).toEqual(['streams', name, '1h']);
  }
});

test('without an address it is the overview, and a broken one does no harm', () => {
  expect(parseRoute('').page).toBe('overview');
  expect(parseRoute('#/').page).toBe('overview');
  expect(parseRoute('#/streams/%zz').item).toBe('%zz');
});
