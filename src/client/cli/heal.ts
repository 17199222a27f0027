import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../../model/duration';
import { exitCodes, messageOf } from '../../model/errors';
import { formatTarget } from '../../model/target';
import { checkRequest, rehearse, requireWorker, startHealing } from '../procedures/heal';
import { whoActs } from '../procedures/messages';
import { type Format, printDocument, say } from '../procedures/print';
import type { ProcedureDescription } from '../procedures/record';
import {
  type Session,
  type SessionOptions,
  uiLink,
  withSession,
  withSessionOptions,
} from '../procedures/session';
import { descriptionText, ledgerTable } from '../procedures/views';
import { follow } from '../procedures/watch';
import { exitCodeOf, outputOption } from './procedures';

interface HealOptions extends SessionOptions {
  namespace: string;
  symptom?: string;
  by?: string;
  dryRun?: boolean;
  wait?: boolean;
  timeout?: number;
  soak?: number;
  output: Format;
}

/** `heal`: asks for the healing of one object. */
export function registerHealCommand(program: Command): void {
  withSessionOptions(program.command('heal <object>'))
    .description('heal a workload or pod, such as deploy/web')
    .option('-n, --namespace <namespace>', 'its namespace', 'default')
    .option('--context <context>', 'context of the kubeconfig')
    .option('--symptom <symptom>', 'what is wrong (default: what the runbooks see)')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--wait', 'wait for the end; the exit code says how it went')
    .option('--timeout <duration>', 'wait at most so long', duration)
    .option('--soak <duration>', 'healthy for so long counts as healed', duration)
    .option('--by <who>', 'who asks (default: $USER@host)')
    .addOption(outputOption())
    .action((object: string, options: HealOptions) =>
      withSession(options, (session) => heal(session, object, options)),
    );
}

async function heal(session: Session, object: string, options: HealOptions): Promise<void> {
  const incident = await checkRequest(session, {
    object,
    namespace: options.namespace,
    symptom: options.symptom,
    by: whoActs(options.by),
    settings: options.soak === undefined ? {} : { soakMs: options.soak },
  });
  if (options.dryRun) {
    await printPlan(session, incident, options.output);
    return;
  }
  if (options.wait) await requireWorker(session);
  const started = await startHealing(session, incident);
  say(`${started.joined ? 'joined' : 'started'} ${started.workflowId}`);
  if (options.wait) {
    await waitFor(session, started, options);
    return;
  }
  const url = uiLink(session, started.workflowId, started.runId) ?? null;
  printDocument({ ...started, url }, options.output, () => started.workflowId);
}

type Started = { workflowId: string; joined: boolean };

async function waitFor(session: Session, started: Started, options: HealOptions): Promise<void> {
  const deadline = options.timeout === undefined ? undefined : Date.now() + options.timeout;
  const procedure = await follow(session, started.workflowId, saySteps(), deadline);
  const { workflowId, joined } = started;
  printDocument({ ...procedure, workflowId, joined }, options.output, () =>
    descriptionText(procedure),
  );
  if (!procedure.endedAt)
    say(`not over within the time; it goes on: homeostat watch ${workflowId}`);
  process.exitCode = procedure.endedAt ? exitCodeOf(procedure.outcome) : exitCodes.failed;
}

/** Says every step once it has ended, and every new thing that the procedure waits for. */
function saySteps(): (procedure: ProcedureDescription) => void {
  const said = new Set<string>();
  return ({ ledger, approvals, blockedBy }) => {
    const lines = [
      ...ledger.flatMap(({ name, state, changed, reason }, index) =>
        state === 'running' ? [] : [`${index + 1}. ${name}: ${changed ?? reason ?? state}`],
      ),
      ...(blockedBy ? [`blocked by ${blockedBy.gate}: ${blockedBy.reason}`] : []),
      ...approvals.flatMap(({ state, summary, until }) =>
        state === 'waiting' ? [`waits for an approval until ${until}: ${summary}`] : [],
      ),
    ];
    for (const line of lines.filter((one) => !said.has(one))) {
      said.add(line);
      say(line);
    }
  };
}

type Incident = Awaited<ReturnType<typeof checkRequest>>;

async function printPlan(session: Session, incident: Incident, output: Format): Promise<void> {
  const { workflowId, record } = await rehearse(session, incident);
  const { target, symptom, outcome, reason, ledger } = record;
  const step = ledger.find(({ undo }) => undo);
  const plan = step
    ? { rung: step.name, what: step.changed, undo: step.undo?.summary, note: step.reason }
    : null;
  const document = { workflowId, dryRun: true, target, symptom, outcome, reason, plan, ledger };
  printDocument(document, output, () =>
    [`${symptom} on ${formatTarget(target)}: ${reason}`, '', ledgerTable(ledger)].join('\n'),
  );
  process.exitCode = exitCodeOf(outcome ?? null);
}

function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}
