import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runbooksIndex } from '../../src/client/procedures/runbooks-index';

const docs = path.resolve(__dirname, '../../docs/runbooks');

test('the index of the runbooks is current (npm run build, then node scripts/runbooks.js)', () => {
  expect(readFileSync(path.join(docs, 'README.md'), 'utf8')).toBe(runbooksIndex());
});
