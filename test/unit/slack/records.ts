import type { Approval, ProcedureRecord } from '../../../src/model/procedure';
import type { ProcedureSource } from '../../../src/model/slack/procedure-thread';
import type { SlackSettings } from '../../../src/model/slack/settings';

export const target = { cluster: 'prod', kind: 'Deployment', namespace: 'shop', name: 'web' };

export const settings: SlackSettings = {
  channel: 'C123',
  users: {
    U1: { name: 'jane@example.org', roles: ['sre'] },
    U2: { name: 'joe@example.org', roles: ['shop-owner'] },
    U3: { name: 'guest@example.org', roles: [] },
  },
  approvers: { sre: ['*'], 'shop-owner': ['shop'] },
};

export const links = {
  namespace: 'default',
  temporalUi: 'https://temporal.example.org/',
  report: 'https://homeostat.example.org/reports/{id}?run={runId}',
};

export function record(more: Partial<ProcedureRecord> = {}): ProcedureRecord {
  return {
    family: 'healing',
    type: 'heal',
    target,
    symptom: 'crash-loop',
    phase: 'observing',
    startedAt: '2026-01-01T10:00:00.000Z',
    ledger: [],
    approvals: [],
    notes: [],
    evidence: [],
    observations: [
      {
        object: 'Pod/shop/web-x',
        state: 'broken',
        message: 'back-off restarting failed container',
        seenAt: '2026-01-01T10:00:00.000Z',
      },
    ],
    milestones: { seenAt: '2026-01-01T10:00:00.000Z' },
    ...more,
  };
}

export const waitingApproval: Approval = {
  state: 'waiting',
  summary: 'roll web back to web-1 (the target is protected)',
  undo: 'roll web forward to web-2',
  digest: 'd1',
  requestedAt: '2026-01-01T10:00:10.000Z',
  until: '2026-01-01T11:00:10.000Z',
};

export const waiting = (more: Partial<ProcedureRecord> = {}) =>
  record({ phase: 'waiting-approval', approvals: [{ ...waitingApproval }], ...more });

/** Healed after an approval. */
export const healed = (more: Partial<ProcedureRecord> = {}) =>
  record({
    phase: 'done',
    outcome: 'healed',
    reason: 'roll web back to web-1; all replicas are available',
    endedAt: '2026-01-01T10:02:00.000Z',
    approvals: [
      {
        ...waitingApproval,
        state: 'approved',
        by: 'jane@example.org',
        comment: 'go on',
        at: '2026-01-01T10:01:00.000Z',
      },
    ],
    ledger: [
      {
        name: 'observe',
        state: 'done',
        attempts: 1,
        startedAt: '2026-01-01T10:00:01.000Z',
        endedAt: '2026-01-01T10:00:02.000Z',
      },
      {
        name: 'undo-rollout',
        state: 'done',
        attempts: 1,
        startedAt: '2026-01-01T10:00:05.000Z',
        endedAt: '2026-01-01T10:01:01.000Z',
        changed: 'roll web back to web-1',
        undo: { summary: 'roll web forward to web-2', state: 'recorded', attempts: 0 },
      },
    ],
    milestones: {
      seenAt: '2026-01-01T10:00:00.000Z',
      actedAt: '2026-01-01T10:01:01.000Z',
      healthyAt: '2026-01-01T10:01:10.000Z',
      verifiedAt: '2026-01-01T10:01:50.000Z',
    },
    ...more,
  });

export const source = (of: ProcedureRecord): ProcedureSource => ({
  workflowId: 'heal:prod:shop:Deployment:web:crash-loop',
  runId: 'run-2',
  firstRunId: 'run-1',
  record: of,
});
