/**
 * Why something could not be done, in the terms of the CLI's exit codes and HTTP's status.
 * `not-found` and `conflict` (with the state that something is in) are bad input of a kind.
 */
export type ErrorCode = 'bad-input' | 'not-found' | 'conflict' | 'unreachable' | 'failed';

/** Exit codes of the CLI: 1 the procedure did not succeed, 2 bad input, 3 unreachable. */
export const exitCodes: Record<ErrorCode, number> = {
  failed: 1,
  'bad-input': 2,
  'not-found': 2,
  conflict: 2,
  unreachable: 3,
};

/** An error meant for people: one sentence that names what, where and the mend. */
export class HomeostatError extends Error {
  override readonly name = 'HomeostatError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Bad input: `what` names the field and the value, `mend` says what would be right. */
export function badInput(what: string, mend: string): HomeostatError {
  return new HomeostatError('bad-input', `${what}: ${mend}`);
}

/** Bad input that names something which is not there. */
export function notFound(what: string, mend: string): HomeostatError {
  return new HomeostatError('not-found', `${what}: ${mend}`);
}

/** Bad input that does not fit what is: a message to a procedure that is over, say. */
export function conflict(what: string, mend: string): HomeostatError {
  return new HomeostatError('conflict', `${what}: ${mend}`);
}

/** Something that should answer does not: `mend` says how to bring it back. */
export function unreachable(what: string, mend: string, cause?: unknown): HomeostatError {
  return new HomeostatError('unreachable', `${what} is unreachable: ${mend}`, { cause });
}

/** Nothing was asked of an outside system, because it did not answer just now and rests. */
export class SystemAway extends HomeostatError {
  constructor(readonly system: string) {
    super('unreachable', `${system} does not answer; it is asked again in some seconds`);
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
