import type { Diagnosis, Revision } from '../../src/model/healing';
import { followsRollout, lastGoodRevision, wasGood } from '../../src/model/healing';
import { type GitOpsMode, defaultHealingSettings as settings } from '../../src/model/incident';
import type { Target } from '../../src/model/target';
import { approvalReason, mayRecover, nextRung } from '../../src/workflows/healing/ladder';
import { crashLoop } from '../../src/workflows/healing/runbooks/crash-loop';
import { rolloutStuck } from '../../src/workflows/healing/runbooks/rollout-stuck';
import { restart, undoRollout } from '../../src/workflows/healing/rungs';

const target: Target = { cluster: 'lab', kind: 'Deployment', namespace: 'shop', name: 'web' };

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

const revision = (number: number, more: Partial<Revision> = {}): Revision => ({
  name: `web-${number}`,
  number,
  createdAt: at(number),
  current: false,
  availableReplicas: 0,
  ...more,
});

const diagnosis = (revisions: Revision[], more: Partial<Diagnosis> = {}): Diagnosis => ({
  exists: true,
  ignored: false,
  protected: false,
  paused: false,
  health: { state: 'failing', why: 'web-x is in CrashLoopBackOff' },
  revisions,
  pods: [],
  ...more,
});

const rungOf = (found: Diagnosis, tried: string[] = [], runbook = crashLoop, on = target) =>
  nextRung(runbook, found, on, tried, settings)?.name;

describe('which revision is good', () => {
  test.each<[string, Partial<Revision>, boolean]>([
    ['was available', { availableAt: at(1) }, true],
    ['was available, then failed', { availableAt: at(1), faultyAt: at(2) }, false],
    ['failed, then was available again', { availableAt: at(3), faultyAt: at(2) }, true],
    ['is available now', { availableReplicas: 1 }, true],
    ['is available now, but failed', { availableReplicas: 1, faultyAt: at(2) }, false],
    ['nothing is known', {}, false],
  ])('%s', (_name, facts, good) => {
    expect(wasGood(revision(1, facts))).toBe(good);
  });

  test('the newest earlier one that was Available, not blindly the previous one', () => {
    const found = diagnosis([
      revision(3, { current: true }),
      revision(2, { faultyAt: at(2) }),
      revision(1, { availableAt: at(1) }),
    ]);
    expect(lastGoodRevision(found)?.name).toBe('web-1');
  });
});

describe('whether the fault follows a rollout', () => {
  const worked = revision(2, { current: true, availableAt: at(2) });
  test.each<[string, Diagnosis, boolean]>([
    ['the revision never worked', diagnosis([revision(2, { current: true })]), true],
    [
      'it broke within the window',
      diagnosis([worked], { rolledOutAt: at(2), faultSince: at(5) }),
      true,
    ],
    ['it broke much later', diagnosis([worked], { rolledOutAt: at(2), faultSince: at(59) }), false],
    [
      'it had begun before the rollout',
      diagnosis([worked], { rolledOutAt: at(20), faultSince: at(5) }),
      false,
    ],
    ['the times are unknown', diagnosis([worked]), false],
  ])('%s', (_name, found, follows) => {
    expect(followsRollout(found, settings.rolloutWindowMs)).toBe(follows);
  });
});

describe('the ladder', () => {
  const afterRelease = diagnosis([
    revision(2, { current: true }),
    revision(1, { availableAt: at(1) }),
  ]);
  const broke = diagnosis(
    [revision(2, { current: true, availableAt: at(2) }), revision(1, { availableAt: at(1) })],
    { rolledOutAt: at(2), faultSince: at(59) },
  );

  test('undoes a bad release at once', () => {
    expect(rungOf(afterRelease)).toBe('undo-rollout');
    expect(rungOf(afterRelease, [], rolloutStuck)).toBe('undo-rollout');
  });
  test('restarts first what had worked, then goes back', () => {
    expect(rungOf(broke)).toBe('restart');
    expect(rungOf(broke, ['restart'])).toBe('undo-rollout');
    expect(rungOf(broke, ['restart', 'undo-rollout'])).toBeUndefined();
  });
  test('does no harm where no revision was ever good', () => {
    expect(rungOf(diagnosis([revision(1, { current: true })]))).toBeUndefined();
  });
  test('touches no workload of a kind it does not know', () => {
    expect(rungOf(afterRelease, [], crashLoop, { ...target, kind: 'Rollout' })).toBeUndefined();
  });
  test('a bare pod is made anew only with approval', () => {
    const pod = { ...target, kind: 'Pod' };
    const rung = nextRung(crashLoop, diagnosis([]), pod, [], settings)!;
    expect(rung.name).toBe('replace-pod');
    expect(approvalReason(rung, diagnosis([]), { target: pod, settings, taken: [] })).toContain(
      'bare pod',
    );
  });
  test('a protected target needs approval for any rung', () => {
    const found = { ...afterRelease, protected: true };
    const context = { target, settings, taken: [] };
    expect(approvalReason(undoRollout, found, context)).toContain('protected');
    expect(approvalReason(undoRollout, afterRelease, context)).toBeUndefined();
  });

  describe('what Flux applies from Git', () => {
    const managedBy = {
      tool: 'Flux' as const,
      kind: 'Kustomization' as const,
      namespace: 'flux-system',
      name: 'apps',
    };
    const managed = { ...afterRelease, managedBy };
    const reason = (gitOps: GitOpsMode, rung = undoRollout, taken: string[] = []) =>
      approvalReason(rung, managed, { target, settings: { ...settings, gitOps }, taken });
    const next = (gitOps: GitOpsMode, tried: string[] = []) =>
      nextRung(crashLoop, managed, target, tried, { ...settings, gitOps })?.name;

    test('ask: a person agrees first, and is told where to mend it', () => {
      expect(next('ask')).toBe('undo-rollout');
      expect(reason('ask')).toContain('Flux Kustomization flux-system/apps');
      expect(reason('ask')).toContain('mend it there');
    });
    test('ask: a restart is not fought', () => {
      expect(reason('ask', restart)).toBeUndefined();
    });
    test('pause: reconciliation is paused before the first change', () => {
      expect(next('pause')).toBe('pause-gitops');
      expect(next('pause', ['pause-gitops'])).toBe('undo-rollout');
      expect(reason('pause', undoRollout, ['pause-gitops'])).toBeUndefined();
    });
    test('pause: where it could not be paused, a person is asked', () => {
      expect(reason('pause')).toContain('mend it there');
    });
    test('proceed: as if nobody did', () => {
      expect(next('proceed')).toBe('undo-rollout');
      expect(reason('proceed')).toBeUndefined();
    });
  });
});

describe('what may come right by itself', () => {
  const seen = [
    { object: 'Pod/shop/web-x', state: 'broken' as const, message: '', seenAt: at(10) },
  ];
  const pending = { state: 'pending' as const, why: 'starting' };
  test.each<[string, Partial<Diagnosis>, boolean]>([
    ['it fails', {}, false],
    ['it looks healthy', { health: { state: 'healthy', why: '' } }, true],
    ['it was rolled out after the fault was seen', { health: pending, rolledOutAt: at(11) }, true],
    ['it was rolled out before', { health: pending, rolledOutAt: at(9) }, false],
  ])('%s', (_name, facts, may) => {
    expect(mayRecover(diagnosis([], facts), seen)).toBe(may);
  });
  test('a person asked, and nobody saw it broken', () => {
    expect(mayRecover(diagnosis([], { health: pending }), [])).toBe(true);
  });
});
