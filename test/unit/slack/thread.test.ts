import fc from 'fast-check';
import { alertThread } from '../../../src/model/slack/alert-thread';
import { parseButton } from '../../../src/model/slack/press';
import { procedureThread } from '../../../src/model/slack/procedure-thread';
import { approversOf } from '../../../src/model/slack/settings';
import { clip, plain } from '../../../src/model/slack/text';
import { newsMessage } from '../../../src/model/slack/thread';
import { healed, links, record, settings, source, target, waiting } from './records';

const at = (time: string) => Date.parse(`2026-01-01T${time}.000Z`);
const threadOf = (of = record(), now = at('10:00:20'), more = {}) =>
  procedureThread(source(of), { ...settings, ...more }, links, now);
const textOf = (blocks: object[]) => JSON.stringify(blocks);

describe('text for Slack', () => {
  test('nothing of it is taken for markup, and secrets are masked', () => {
    expect(plain('<!channel> a & b <https://x|y>\nPASSWORD=hunter22')).toBe(
      '&lt;!channel&gt; a &amp; b &lt;https://x|y&gt; PASSWORD=***',
    );
  });

  test('is cut to its length, never within an entity or a character', () => {
    expect(clip('abc&amp;def', 6)).toBe('abc…');
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 60 }),
        (text, longest) => {
          const cut = plain(text, longest);
          expect(cut.length).toBeLessThanOrEqual(longest);
          expect(cut.replaceAll(/&(amp|lt|gt);/g, '')).not.toMatch(/[<>&]/);
          expect(() => encodeURIComponent(cut)).not.toThrow();
        },
      ),
    );
  });
});

describe('the thread of a procedure', () => {
  test('says what, why, the plan and its undo, who may approve and until when, with buttons', () => {
    const { root, news, over } = threadOf(waiting());
    const text = textOf(root.blocks);
    for (const part of [
      'crash-loop on shop/Deployment/web',
      'back-off restarting failed container',
      'roll web back to web-1 (the target is protected)',
      'roll web forward to web-2',
      '<@U1> <@U2>',
      `<!date^${at('11:00:10') / 1_000}^`,
      'homeostat approve heal:prod:shop:Deployment:web:crash-loop',
      'https://temporal.example.org/namespaces/default/workflows/heal%3Aprod',
      'https://homeostat.example.org/reports/heal%3Aprod%3Ashop%3ADeployment%3Aweb%3Acrash-loop?run=run-2',
    ])
      expect(text).toContain(part);
    const actions = root.blocks.find(({ type }) => type === 'actions') as unknown as {
      elements: { action_id: string; value: string }[];
    };
    expect(actions.elements.map(({ action_id }) => action_id)).toEqual(['approve', 'deny']);
    expect(parseButton(actions.elements[0]!.value)).toEqual({
      workflowId: 'heal:prod:shop:Deployment:web:crash-loop',
      firstRunId: 'run-1',
      digest: 'd1',
    });
    expect(news.map(({ key }) => key)).toEqual(['asked-0']);
    expect(over).toBe(false);
  });

  test('has no buttons where nobody may approve', () => {
    const nobody = threadOf(waiting(), undefined, { approvers: {} });
    expect(textOf(nobody.root.blocks)).not.toContain('actions');
    expect(textOf(nobody.root.blocks)).toContain('nobody in Slack');
    const elsewhere = threadOf(waiting({ target: { ...target, namespace: 'kube-system' } }));
    expect(textOf(elsewhere.root.blocks)).toContain('<@U1>, or by');
  });

  test('reminds at half of the time, or when configured, and not once it is decided', () => {
    const keys = (now: number, more = {}) =>
      threadOf(waiting(), now, more).news.map(({ key }) => key);
    expect(keys(at('10:30:09'))).toEqual(['asked-0']);
    expect(keys(at('10:30:10'))).toEqual(['asked-0', 'reminded-0']);
    expect(keys(at('10:05:10'), { remindAfterMs: 300_000 })).toEqual(['asked-0', 'reminded-0']);
    expect(threadOf(healed(), at('10:59:00')).news.map(({ key }) => key)).not.toContain(
      'reminded-0',
    );
    expect(textOf(threadOf(waiting(), at('10:30:10')).news)).toContain('<@U1> <@U2>');
  });

  test('asks to be looked at for the reminder, for the deadline, and else every hour', () => {
    const lookOf = (now: number, of = waiting()) => threadOf(of, now).lookAgainAt;
    expect(lookOf(at('10:00:20'))).toBe('2026-01-01T10:30:10.000Z');
    expect(lookOf(at('10:30:10'))).toBe('2026-01-01T11:00:20.000Z');
    expect(lookOf(at('10:00:20'), record())).toBe('2026-01-01T11:00:20.000Z');
    expect(lookOf(at('10:03:00'), healed())).toBeUndefined();
  });

  test('ends with who approved, what was done, the outcome, times and links', () => {
    const { root, news, over } = threadOf(healed());
    expect(over).toBe(true);
    expect(news.map(({ key }) => key)).toEqual(['asked-0', 'decided-0', 'step-1', 'ended']);
    expect(news[1]!.text).toContain('approved by jane@example.org: go on');
    expect(news[3]!.text).toContain('*healed*');
    expect(news[3]!.text).toContain('seen to healthy 1 m 10 s');
    expect(news[3]!.text).toContain('|Report>');
    expect(textOf(root.blocks)).not.toContain('"actions"');
  });

  test('calls the approvers when it is escalated, and tells what was put back', () => {
    const escalated = healed({ outcome: 'escalated', reason: 'nothing helped' });
    escalated.ledger[1]!.undo = {
      summary: 'roll web forward to web-2',
      state: 'done',
      attempts: 1,
      endedAt: '2026-01-01T10:01:59.000Z',
    };
    const { news } = threadOf(escalated);
    expect(news.map(({ key }) => key)).toEqual([
      'asked-0',
      'decided-0',
      'step-1',
      'undo-1',
      'ended',
    ]);
    expect(news.at(-1)!.text).toContain('<@U1> <@U2>');
  });

  test('shows by which gate it is blocked, and until when', () => {
    const blocked = record({
      phase: 'blocked',
      blockedBy: { gate: 'cooling-down', reason: 'a <b> acted', until: '2026-01-01T10:05:00.000Z' },
    });
    const text = textOf(threadOf(blocked).root.blocks);
    expect(text).toContain('*Blocked* by cooling-down: a &lt;b&gt; acted, until <!date^');
  });

  test('whatever stands in a record, the message stays within what Slack takes', () => {
    const hostile = '<&> '.repeat(2_000);
    const of = healed({ reason: hostile, symptom: hostile, target: { ...target, name: hostile } });
    of.ledger = Array.from({ length: 100 }, () => ({
      ...of.ledger[1]!,
      name: hostile,
      changed: hostile,
    }));
    of.observations![0]!.message = hostile;
    of.approvals = Array.from({ length: 60 }, () => ({ ...of.approvals[0]!, summary: hostile }));
    const { root, news } = threadOf(of);
    for (const { blocks, text } of [root, newsMessage(news.slice(0, 40))]) {
      expect(text.length).toBeLessThanOrEqual(1_000);
      expect(blocks.length).toBeLessThanOrEqual(50);
      for (const text of sectionTexts(blocks)) expect(text.length).toBeLessThanOrEqual(3_000);
    }
  });
});

function sectionTexts(blocks: object[]): string[] {
  return blocks.flatMap((block) => {
    const { text, elements = [] } = block as {
      text?: { text: string };
      elements?: { text?: string }[];
    };
    return [text?.text, ...elements.map((element) => element.text)].filter(
      (one): one is string => typeof one === 'string',
    );
  });
}

test('who may approve follows from roles and namespaces; nobody by default', () => {
  expect(approversOf(settings, target)).toEqual(['U1', 'U2']);
  expect(approversOf(settings, { ...target, namespace: 'other' })).toEqual(['U1']);
  expect(approversOf(settings, { ...target, kind: 'Node', namespace: undefined })).toEqual(['U1']);
  expect(approversOf({ ...settings, approvers: {} }, target)).toEqual([]);
});

test('an alert without a runbook is shown, and edited once it is resolved', () => {
  const alert = {
    kind: 'alert' as const,
    id: 'f1',
    name: 'Odd<Thing>',
    state: 'firing' as const,
    summary: 'something is odd',
    labels: 'severity=warning, token=abc',
    why: 'no runbook answers it',
    startsAt: '2026-01-01T10:00:00.000Z',
  };
  const firing = alertThread(alert);
  expect(firing.over).toBe(false);
  expect(textOf(firing.root.blocks)).toContain('Odd&lt;Thing&gt;');
  expect(textOf(firing.root.blocks)).not.toContain('abc');
  const resolved = alertThread({ ...alert, state: 'resolved' });
  expect(resolved.over).toBe(true);
  expect(resolved.news.map(({ key }) => key)).toEqual(['resolved']);
});
