import { badInput } from '../errors';
import { checkMessage, type ReasonedMessage } from '../messages';
import { isTarget, type Target } from '../target';
import type { End } from './attempts';
import { isScope, isSurroundings, type Surroundings } from './shares';

/** A procedure asks for its target, and renews what it holds by asking again. */
export interface LeaseRequest {
  workflowId: string;
  target: Target;
  /** How things are around the target; a renewal needs none. */
  surroundings?: Surroundings;
}

/** A procedure gives its target back. */
export interface LeaseRelease extends End {
  workflowId: string;
}

/** A person lets procedures go on although a share is too large. */
export interface OverrideMessage extends ReasonedMessage {
  /** `nodes`, `pool/blue`, `zone/a`, `workloads`; left out: all. */
  scope?: string;
  /** RFC 3339; left out: for an hour. */
  until?: string;
}

const longestId = 1_000;
const longestOverrideMs = 24 * 3_600_000;
const usualOverrideMs = 3_600_000;

/** Whether a signal's payload is a request. */
export function isLeaseRequest(value: unknown): value is LeaseRequest {
  const { workflowId, target, surroundings } = (value ?? {}) as Partial<LeaseRequest>;
  return (
    isWorkflowId(workflowId) &&
    isTarget(target) &&
    (surroundings === undefined || isSurroundings(surroundings))
  );
}

/** Whether a signal's payload is a release. */
export function isLeaseRelease(value: unknown): value is LeaseRelease {
  return isWorkflowId((value as Partial<LeaseRelease> | null | undefined)?.workflowId);
}

/**
 * Checks an override.
 * @param now milliseconds since the epoch.
 * @throws HomeostatError `bad-input` that names the field, the value and the mend.
 */
export function checkOverride(payload: unknown, now: number): void {
  checkMessage('override', payload);
  const { scope, until } = payload as OverrideMessage;
  if (scope !== undefined && !isScope(scope)) {
    throw badInput(
      `override: field "scope" is "${scope}"`,
      'name nodes, workloads, pool/<name>, zone/<name> or all',
    );
  }
  if (until === undefined) return;
  const ends = Date.parse(until);
  if (!(ends > now && ends <= now + longestOverrideMs)) {
    throw badInput(
      `override: field "until" is "${until}"`,
      'give a time within the next 24 hours, such as 2026-01-31T12:00:00Z',
    );
  }
}

/** When an override ends, RFC 3339. */
export function endOfOverride({ until }: OverrideMessage, now: number): string {
  return new Date(until === undefined ? now + usualOverrideMs : Date.parse(until)).toISOString();
}

function isWorkflowId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= longestId;
}
