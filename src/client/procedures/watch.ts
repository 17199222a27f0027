import { setTimeout as pause } from 'node:timers/promises';
import { findProcedure } from './find';
import { listProcedures, type ProcedureItem } from './items';
import { describeFound, type ProcedureDescription } from './record';
import type { Session } from './session';
import { descriptionText, proceduresTable } from './views';

const refreshMs = 1_000;
const listed = 100;

/** Shows a text in place on a terminal; elsewhere each line that was not there before. */
export class LiveView {
  private shown: string[] = [];

  constructor(private readonly stream: NodeJS.WriteStream) {}

  show(text: string): void {
    const lines = text.split('\n');
    if (this.stream.isTTY) this.stream.write(`\u001b[H\u001b[2J${text}\n`);
    else for (const line of lines) if (!this.shown.includes(line)) this.stream.write(`${line}\n`);
    this.shown = lines;
  }
}

/** Follows one procedure to its end, telling of every change. */
export async function follow(
  session: Session,
  id: string,
  onChange: (procedure: ProcedureDescription) => void,
  deadline = Number.POSITIVE_INFINITY,
): Promise<ProcedureDescription> {
  let before = '';
  for (;;) {
    const procedure = await describeFound(session, await findProcedure(session, id));
    const now = JSON.stringify(procedure);
    if (now !== before) onChange(procedure);
    before = now;
    if (procedure.endedAt || Date.now() + refreshMs > deadline) return procedure;
    await untilOver(session, id, Math.min(refreshMs, deadline - Date.now()));
  }
}

/** Waits for the procedure's end, which Temporal tells at once, or until it is time to look again. */
async function untilOver({ temporal }: Session, id: string, timeMs: number): Promise<void> {
  const abort = new AbortController();
  const over = temporal.client.withAbortSignal(abort.signal, () =>
    temporal.client.workflow.getHandle(id).result(),
  );
  const settled = over.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, pause(timeMs)]);
  abort.abort();
}

/** Shows one procedure until it ends. */
export async function watchOne(session: Session, wanted: string): Promise<ProcedureDescription> {
  const { workflowId } = await findProcedure(session, wanted);
  const view = new LiveView(process.stdout);
  return follow(session, workflowId, (procedure) => view.show(descriptionText(procedure)));
}

/** Shows everything that runs, until it is interrupted. */
export async function watchAll(session: Session, signal: AbortSignal): Promise<void> {
  const view = new LiveView(process.stdout);
  while (!signal.aborted) {
    const items: ProcedureItem[] = await listProcedures(session, { running: true, limit: listed });
    view.show(proceduresTable(items, false));
    await pause(refreshMs, undefined, { signal }).catch(() => undefined);
  }
}
