import type { Observation } from './incident';
import type { Target } from './target';

export type Family = 'healing' | 'chaos' | 'recovery' | 'infrastructure' | 'cost';

export type Phase =
  | 'observing'
  | 'blocked'
  | 'waiting-approval'
  | 'acting'
  | 'verifying'
  | 'undoing'
  | 'done';

export type Outcome =
  | 'healed'
  | 'already-healthy'
  | 'escalated'
  | 'denied'
  | 'aborted'
  | 'passed'
  | 'failed'
  | 'inconclusive'
  | 'completed';

/** Outcomes that a caller waits for with success (exit code 0). */
export const goodOutcomes: readonly Outcome[] = [
  'healed',
  'already-healthy',
  'passed',
  'completed',
];

export type StepState = 'running' | 'done' | 'skipped' | 'failed';

export type UndoState = 'recorded' | 'running' | 'done' | 'not-needed' | 'failed';

/** How a step's effect is taken back; recorded before the step acts. */
export interface UndoRecord {
  summary: string;
  state: UndoState;
  attempts: number;
  endedAt?: string;
  /** Why the undo failed, or why it was not needed. */
  reason?: string;
}

/** One step of a procedure's own record. Times are RFC 3339, UTC. */
export interface LedgerEntry {
  name: string;
  state: StepState;
  attempts: number;
  startedAt: string;
  endedAt?: string;
  /** What was changed, in one sentence; absent where nothing was. */
  changed?: string;
  /** Why it failed or was skipped. */
  reason?: string;
  undo?: UndoRecord;
  /** It was found not to apply, and is not tried again. */
  declined?: boolean;
  evidence?: EvidenceRef[];
}

/** A change that was worked out but not made: what it would do and how it is taken back. */
export interface Planned<C = unknown> {
  change: C;
  summary: string;
  undoSummary: string;
  /** SHA-256 of the change; approvals are bound to it. */
  digest: string;
  /** It holds only until the procedure ends, so it is taken back on success too, as a cordon is. */
  temporary?: boolean;
  /** Why a person must agree to it, found while it was worked out. */
  needsApproval?: string;
}

/** Why a change does not apply as things are now; the next one is tried. */
export interface Declined {
  declined: string;
}

export function isDeclined(plan: Planned | Declined): plan is Declined {
  return 'declined' in plan;
}

/**
 * What became of a step.
 * `changed`: done now. `already`: the wanted state was there (by an earlier attempt).
 * `superseded`: somebody else changed the target, so nothing was touched. `gone`: it no longer exists.
 */
export interface StepResult {
  result: 'changed' | 'already' | 'superseded' | 'gone';
  detail: string;
  /** What it left behind, such as the output of a hook. */
  evidence?: EvidenceRef[];
  /** How many attempts of the activity it took. */
  attempts?: number;
}

/** Points to an artifact; histories hold references, never the evidence itself. */
export interface EvidenceRef {
  name: string;
  /** Where it lies, relative to the artifact store. */
  uri: string;
  /** SHA-256, hex. */
  digest: string;
  bytes: number;
}

/** A reason not to act now. */
export type GateName =
  | 'locked'
  | 'cooling-down'
  | 'attempts-spent'
  | 'budget-spent'
  | 'rate-limited'
  | 'unhealthy-share'
  | 'unsurveyed'
  | 'outside-window'
  | 'frozen'
  | 'lease-lost'
  | 'halted'
  | 'paused'
  | 'opted-out'
  | 'governor-away';

export interface Gate {
  gate: GateName;
  reason: string;
  /** RFC 3339: when it is looked at again at the latest; absent where only a person or another procedure opens it. */
  until?: string;
  /** It is not asked again: the procedure ends, and a person is told. */
  final?: true;
}

export function sameGate(one: Gate | undefined, other: Gate | undefined): boolean {
  return one?.gate === other?.gate && one?.reason === other?.reason && one?.until === other?.until;
}

export interface Approval {
  state: 'waiting' | 'approved' | 'denied' | 'timed-out';
  /** What is to be approved. */
  summary: string;
  /** How it would be taken back. */
  undo?: string;
  /** Identifies the exact plan; an approval that names another digest is refused. */
  digest: string;
  requestedAt: string;
  until: string;
  by?: string;
  at?: string;
  comment?: string;
}

export interface Note {
  at: string;
  by: string;
  text: string;
}

/** What the query `ledger` answers and a finished procedure returns. */
export interface ProcedureRecord {
  family: Family;
  type: string;
  target: Target;
  symptom?: string;
  phase: Phase;
  outcome?: Outcome;
  /** Why it ended so, in one sentence. */
  reason?: string;
  blockedBy?: Gate;
  startedAt: string;
  endedAt?: string;
  ledger: LedgerEntry[];
  approvals: Approval[];
  notes: Note[];
  evidence: EvidenceRef[];
  /** What was seen, and what alerts told, latest last; of healings only. */
  observations?: Observation[];
  /** Milestones in RFC 3339, where reached. */
  milestones: Milestones;
}

export interface Milestones {
  /** The fault became visible in the API. */
  seenAt?: string;
  /** The first change was made. */
  actedAt?: string;
  /** The target was healthy again; the soak counts from here. */
  healthyAt?: string;
  /** It had stayed healthy for the whole soak. */
  verifiedAt?: string;
}
