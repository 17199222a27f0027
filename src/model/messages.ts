import { badInput } from './errors';

/** Payloads of the messages that every procedure takes, as signals and as updates. */
export interface ApproveMessage {
  by: string;
  comment?: string;
  /** The digest of the plan that is approved; refused when another plan is waiting. */
  digest?: string;
}
export interface ReasonedMessage {
  by: string;
  reason: string;
}
export interface DenyMessage extends ReasonedMessage {
  /** The digest of the plan that is denied; refused when another plan is waiting. */
  digest?: string;
}
export interface ByMessage {
  by: string;
}
export interface NoteMessage {
  by: string;
  text: string;
}

/** Fields that each message must carry as non-empty strings. */
export const requiredFields = {
  approve: ['by'],
  deny: ['by', 'reason'],
  abort: ['by', 'reason'],
  pause: ['by'],
  resume: ['by'],
  note: ['by', 'text'],
  halt: ['by', 'reason'],
  override: ['by', 'reason'],
  enforce: ['by'],
} as const satisfies Record<string, readonly string[]>;

export type MessageName = keyof typeof requiredFields;

const longestField = 2_000;

/**
 * Checks a message's payload without a schema library, since workflows must stay small.
 * @throws HomeostatError `bad-input` that names the message, the field, the value and the mend.
 */
export function checkMessage(name: MessageName, payload: unknown): void {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    throw badInput(
      `${name}: payload ${JSON.stringify(payload) ?? 'undefined'}`,
      `send an object such as ${example(name)}`,
    );
  }
  const fields = payload as Record<string, unknown>;
  for (const field of requiredFields[name]) {
    if (typeof fields[field] !== 'string' || fields[field].trim() === '') {
      throw badInput(
        `${name}: field "${field}" is ${JSON.stringify(fields[field]) ?? 'missing'}`,
        `send an object such as ${example(name)}`,
      );
    }
  }
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined && (typeof value !== 'string' || value.length > longestField)) {
      throw badInput(
        `${name}: field "${field}"`,
        `send text of at most ${longestField} characters`,
      );
    }
  }
}

function example(name: MessageName): string {
  return JSON.stringify(
    Object.fromEntries(
      requiredFields[name].map((field) => [field, field === 'by' ? 'you@example.org' : '…']),
    ),
  );
}
