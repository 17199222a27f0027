import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { renderReport } from '../../src/client/report';
import { readEvidence } from '../../src/client/report/evidence';
import { type Artifact, type Report, referencesOf } from '../../src/model/report';
import { createFolderStore } from '../../src/service/artifacts/folder';

const hostile = '<script>alert(1)</script> | `x` & "y"';

const metrics = {
  from: '2025-12-31T23:30:00.000Z',
  to: '2026-01-01T00:00:30.000Z',
  stepSeconds: 10,
  charts: [
    {
      name: 'memory',
      title: 'Memory',
      unit: 'bytes',
      query: 'x',
      series: [{ name: '<b>web</b>', points: [[Date.parse('2026-01-01T00:00:00Z'), 5e6]] }],
    },
  ],
};

function artifact(more: Partial<Artifact>): Artifact {
  const known = { name: 'x', uri: 'p/r/start/x', digest: 'ab12', bytes: 12 };
  return { ...known, label: 'start', path: 'x', integrity: 'intact', ...more };
}

const artifacts: Artifact[] = [
  artifact({ path: 'logs/web/main.log', text: `${hostile}\n\u001b[31mred \u202eevil\n` }),
  artifact({ path: 'metrics.json', label: 'end', text: JSON.stringify(metrics) }),
  artifact({ path: 'gone.txt', integrity: 'missing', why: 'the store has it no more' }),
];

const source: Report = {
  artifacts,
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
const bare: Report = {
  ...source,
  artifacts: [],
  ...{ target: null, symptom: null, outcome: null, reason: null, phase: 'observing' },
  ...{ endedAt: null, url: null, ledger: [], approvals: [], notes: [], evidence: [] },
  milestones: {},
};

test('Markdown tells the whole story in order, who approved, and what the evidence is worth', () => {
  const text = renderReport(source, 'md');
  expect(text).toMatch(/^# crash-loop on shop\/Deployment\/web: healed\n/);
  expect(text).toContain('- Fault seen to healthy: 6.0 s');
  expect(text).toContain('- Approved by: ann');
  expect(text).toContain('| start | gone.txt | 12 | missing: the store has it no more |');
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
    .find((one) => one.startsWith('|') && one.includes('alert'));
  expect(line).toContain('\\<script\\>alert(1)\\</script\\> \\| \\`x\\`');
});

test('HTML is one page that loads nothing, with every text escaped', () => {
  const page = renderReport(source, 'html');
  expect(page).toMatch(/^<!doctype html>/);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; | `x` &amp; &quot;y&quot;');
  expect(page).not.toMatch(/<script|<link|src=|@import|url\((?!#)/);
  expect(page).toContain('roll web forward to web-2 (recorded)');
  expect(page).toContain('prefers-color-scheme: dark');
  expect(page).toContain("default-src 'none'");
  expect(page.match(/<svg/g)).toHaveLength(2);
  expect(page).toContain('&lt;b&gt;web&lt;/b&gt;');
  expect(page).toContain('\\u{1b}[31mred \\u{202e}evil');
  expect(page).toMatch(/gone\.txt.*missing.*the store has it no more/);
});

test('Markdown fences hostile logs', () => {
  const log = artifact({ path: 'a.log', text: '````\n# not a heading\n' });
  const text = renderReport({ ...source, artifacts: [log] }, 'md');
  expect(text).toContain('`````\n````\n# not a heading\n`````');
});

test('metrics that are no metrics are no charts', () => {
  const broken = artifact({ path: 'metrics.json', text: '{"charts": "<svg onload=alert(1)>"}' });
  const page = renderReport({ ...source, artifacts: [broken] }, 'html');
  expect(page.match(/<svg/g)).toHaveLength(1);
  expect(page).not.toContain('<svg onload');
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

describe('evidence', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'homeostat-report-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('is checked, masked and cut off', async () => {
    const store = createFolderStore({ directory });
    const keep = (name: string, text: string) => store.put(`p/r/start/${name}`, text);
    const references = [
      await keep('good.log', 'token=hunter2 and more'),
      await keep('altered.log', 'as it was'),
      await keep('gone.log', 'soon gone'),
      await keep('long.log', 'x'.repeat(200_000)),
      { name: 'out', uri: '../../etc/passwd', digest: '', bytes: 1 },
    ];
    await writeFile(path.join(directory, 'p/r/start/altered.log'), 'as it never was');
    await rm(path.join(directory, 'p/r/start/gone.log'));
    const read = await readEvidence(store, references);
    expect(read).toMatchObject([
      { path: 'good.log', label: 'start', integrity: 'intact', text: 'token=*** and more' },
      { integrity: 'altered' },
      { integrity: 'missing' },
      { integrity: 'intact', cut: true },
      { integrity: 'missing' },
    ]);
    expect(read[1]!.text).toBeUndefined();
    expect(read[3]!.text).toHaveLength(128 * 1024);
  });

  test('of a store that is away is said to be unread', async () => {
    const file = path.join(directory, 'no-folder');
    await writeFile(file, '');
    const reference = { name: 'x', uri: 'p/r/start/x', digest: '', bytes: 1 };
    const [read] = await readEvidence(createFolderStore({ directory: file }), [reference]);
    expect(read).toMatchObject({ integrity: 'unread', why: expect.stringContaining(file) });
  });

  test('fills a report to a limit', async () => {
    const store = createFolderStore({ directory });
    const one = await store.put('p/r/end/big.log', 'y'.repeat(150_000));
    const read = await readEvidence(
      store,
      Array.from({ length: 40 }, () => one),
    );
    expect(read.filter(({ integrity }) => integrity === 'intact')).toHaveLength(32);
    expect(read.at(-1)).toMatchObject({ integrity: 'unread' });
  });

  test('of steps and procedure is told once', () => {
    expect(referencesOf(source)).toHaveLength(1);
  });
});
