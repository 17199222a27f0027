import type { ProcedureRecord } from '../procedure';
import { mayApprove, type SlackSettings } from './settings';

/** What a button in a thread stands for: one plan of one procedure. */
export interface Button {
  workflowId: string;
  firstRunId: string;
  digest: string;
}

/** A button that somebody pressed. */
export interface Press extends Button {
  action: 'approve' | 'deny';
  /** Slack's id of the person. */
  userId: string;
}

/** Why a press is refused, or that it may go on. */
export type Judgement = 'allowed' | 'not-allowed' | 'over' | 'other-plan';

/** The value of a button: within Slack's 2,000 characters, since ids have at most 1,000. */
export function buttonValue({ workflowId, firstRunId, digest }: Button): string {
  return JSON.stringify({ workflowId, firstRunId, digest });
}

/** The button that a value stands for, or undefined. */
export function parseButton(value: unknown): Button | undefined {
  try {
    const { workflowId, firstRunId, digest } = JSON.parse(String(value)) as Record<string, unknown>;
    const known = [workflowId, firstRunId, digest].every(
      (text) => typeof text === 'string' && text !== '',
    );
    return known ? ({ workflowId, firstRunId, digest } as Button) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a press may be passed on; the procedure itself checks the digest once more. */
export function judgePress(
  press: Press,
  record: ProcedureRecord | undefined,
  settings: SlackSettings,
): Judgement {
  if (!record) return 'over';
  if (!mayApprove(settings, press.userId, record.target)) return 'not-allowed';
  const approval = record.approvals.find(({ state }) => state === 'waiting');
  if (record.outcome || !approval) return 'over';
  return approval.digest === press.digest ? 'allowed' : 'other-plan';
}
