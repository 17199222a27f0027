/** Why something could not be done, in the terms of the CLI's exit codes and HTTP's status. */
export type ErrorCode = 'bad-input' | 'unreachable' | 'failed';

/** Exit codes of the CLI: 1 the procedure did not succeed, 2 bad input, 3 unreachable. */
export const exitCodes: Record<ErrorCode, number> = { failed: 1, 'bad-input': 2, unreachable: 3 };

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
