import { type ReportSource, renderReport } from '../../src/model/report';

const hostile = '<script>alert(1)</script> | `x` & "y"';

const source: ReportSource = {
  id: 'heal:lab:shop:Deployment:web:crash-loop',
  runId: 'run-1',
  family: 'healing',
  type: 'heal',
  target: { cluster: 'lab', kind: 'Deployment', namespace: 'shop', name: 'web' },
  symptom: 'crash-loop',
  phase: 'done',
  outcome: 'healed',
  reason: 'rolled web back to web-1',
  startedAt: '2026-01-01T00:00:01.000Z',
  endedAt: '2026-01-01T00:00:20.000Z',
  url: 'http://127.0.0.1:8233/namespaces/default/workflows/x',
  ledger: [
    {
      name: 'undo-rollout',
      state: 'done',
      attempts: 2,
      startedAt: '2026-01-01T00:00:02.000Z',
      endedAt: '2026-01-01T00:00:03.000Z',
      changed: 'roll web back to web-1',
      undo: { summary: 'roll web forward to web-2', state: 'recorded', attempts: 0 },
      evidence: [{ name: 'logs', uri: 'a/logs', digest: 'ab12', bytes: 12 }],
    },
  ],
  approvals: [
    {
      state: 'approved',
      summary: 'roll web back',
      digest: 'd1',
      requestedAt: '2026-01-01T00:00:01.500Z',
      until: '2026-01-01T01:00:00.000Z',
      by: 'ann',
      at: '2026-01-01T00:00:01.800Z',
    },
  ],
  notes: [{ at: '2026-01-01T00:00:04.000Z', by: 'ann', text: hostile }],
  evidence: [{ name: 'logs', uri: 'a/logs', digest: 'ab12', bytes: 12 }],
  milestones: {
    seenAt: '2026-01-01T00:00:00.000Z',
    actedAt: '2026-01-01T00:00:03.000Z',
    healthyAt: '2026-01-01T00:00:06.000Z',
    verifiedAt: '2026-01-01T00:00:16.000Z',
  },
};

/** A procedure of which nothing is known but that it exists. */
const bare: ReportSource = {
  ...source,
  ...{ target: null, symptom: null, outcome: null, reason: null, phase: 'observing' },
  ...{ endedAt: null, url: null, ledger: [], approvals: [], notes: [], evidence: [] },
  milestones: {},
};

test('Markdown tells the whole story in order, each piece of evidence once', () => {
  const text = renderReport(source, 'md');
  expect(text).toMatch(/^# crash-loop on shop\/Deployment\/web: healed\n/);
  expect(text).toContain('- Fault seen to healthy: 6.0 s');
  expect(text.match(/a\/logs/g)).toHaveLength(1);
  const told = [
    'procedure began',
    'approved by ann',
    'undo-rollout began',
    'healthy again',
    'ended',
  ];
  const places = told.map((what) => text.indexOf(what));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places).not.toContain(-1);
});

test('Markdown keeps text from elsewhere in its cell', () => {
  const line = renderReport(source, 'md')
    .split('\n')
    .find((one) => one.includes('alert'));
  expect(line).toContain('\\<script\\>alert(1)\\</script\\> \\| \\`x\\`');
});

test('HTML is one page that loads nothing, with every text escaped', () => {
  const page = renderReport(source, 'html');
  expect(page).toMatch(/^<!doctype html>/);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; | `x` &amp; &quot;y&quot;');
  expect(page).not.toMatch(/<script|<link|src=|@import|url\(/);
  expect(page).toContain('roll web forward to web-2 (recorded)');
  expect(page).toContain('prefers-color-scheme: dark');
  expect(page).toContain('class="done"');
});

test('JSON is the whole record', () => {
  expect(JSON.parse(renderReport(source, 'json'))).toEqual(source);
});

test.each(['md', 'html', 'json'] as const)('%s of a procedure that has only begun', (format) => {
  const text = renderReport(bare, format);
  expect(text).toContain('heal:lab:shop:Deployment:web:crash-loop');
  expect(text).not.toMatch(/undefined|NaN/);
});

test('a link that is no web address is no link', () => {
  const page = renderReport({ ...source, url: 'javascript:alert(1)' }, 'html');
  expect(page).not.toContain('<a href');
});
