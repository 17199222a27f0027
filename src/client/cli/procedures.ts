import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { badInput, exitCodes, messageOf } from '../../model/errors';
import type { MessageName } from '../../model/messages';
import { goodOutcomes, type Outcome } from '../../model/procedure';
import { type ReportFormat, reportFormats } from '../../model/report';
import { runbooks } from '../../workflows/healing/runbooks';
import { listUnmatched } from '../procedures/alerts';
import { governorView } from '../procedures/governor';
import { listProcedures, type ProcedureItem } from '../procedures/items';
import { sendMessage, whoActs } from '../procedures/messages';
import { nearest } from '../procedures/nearest';
import { type Format, formats, printDocument, say } from '../procedures/print';
import { describeProcedure } from '../procedures/record';
import {
  configOf,
  type SessionOptions,
  withSession,
  withSessionOptions,
} from '../procedures/session';
import {
  alertsTable,
  descriptionText,
  governorText,
  proceduresTable,
  runbookItem,
  runbooksTable,
} from '../procedures/views';
import { watchAll, watchOne } from '../procedures/watch';
import type * as ReportModule from '../report';

/** `-o` with the formats that every listing has. */
export const outputOption = () =>
  new Option('-o, --output <format>', 'format').choices(formats).default('table');

/** `get`, `describe`, `watch`, `report`, and the messages to one procedure. */
export function registerProcedureCommands(program: Command): void {
  registerGet(program);
  registerDescribe(program);
  registerWatch(program);
  registerReport(program);
  registerMessages(program);
}

interface GetOptions extends SessionOptions {
  family?: string;
  namespace?: string;
  output: Format;
  limit: number;
}

function registerGet(program: Command): void {
  withSessionOptions(program.command('get <what>'))
    .description('list procedures, incidents, runbooks, or the alerts that no runbook answered')
    .option('--family <family>', 'only this family: healing, chaos, recovery, infrastructure, cost')
    .option('-n, --namespace <namespace>', 'only targets in this namespace')
    .option('--limit <count>', 'at most so many', positiveInteger, 100)
    .addOption(outputOption())
    .action((what: string, options: GetOptions) => listers[resourceOf(what)](options));
}

const listers = {
  procedures: (options: GetOptions) => getProcedures(options),
  incidents: (options: GetOptions) => getProcedures({ ...options, family: 'healing' }, latestRuns),
  alerts: async (options: GetOptions) => {
    const items = await withSession(options, listUnmatched);
    printDocument({ items }, options.output, () => alertsTable(items));
  },
  runbooks: ({ output }: GetOptions) => {
    const items = runbooks.map(runbookItem);
    printDocument({ items }, output, (wide) => runbooksTable(items, wide));
  },
};

type Listed = keyof typeof listers;

function resourceOf(what: string): Listed {
  const names = Object.keys(listers) as Listed[];
  const found = names.find((name) => name === what || name === `${what}s`);
  if (found) return found;
  throw badInput(`get "${what}"`, `known are ${names.join(', ')}${nearest(what, names)}`);
}

async function getProcedures(
  options: GetOptions,
  select: (items: ProcedureItem[]) => ProcedureItem[] = (items) => items,
): Promise<void> {
  const items = select(await withSession(options, (session) => listProcedures(session, options)));
  printDocument({ items }, options.output, (wide) => proceduresTable(items, wide));
}

/** An incident is known by its id; its latest episode stands for it. */
function latestRuns(items: ProcedureItem[]): ProcedureItem[] {
  return items.filter((item, index) => items.findIndex(({ id }) => id === item.id) === index);
}

function registerDescribe(program: Command): void {
  withSessionOptions(program.command('describe <id>'))
    .description('everything about one procedure, or about the governor')
    .option('--run <id>', 'an earlier run of it')
    .addOption(outputOption())
    .action(async (id: string, options: SessionOptions & { output: Format; run?: string }) => {
      if (id === 'governor') {
        const view = await withSession(options, governorView);
        printDocument(view, options.output, () => governorText(view));
        return;
      }
      const procedure = await withSession(options, (session) =>
        describeProcedure(session, id, options.run),
      );
      printDocument(procedure, options.output, () => descriptionText(procedure));
    });
}

function registerWatch(program: Command): void {
  withSessionOptions(program.command('watch [id]'))
    .description('watch one procedure to its end, or everything that runs')
    .action((id: string | undefined, options: SessionOptions) =>
      withSession(options, async (session) => {
        if (id) {
          process.exitCode = exitCodeOf((await watchOne(session, id)).outcome);
          return;
        }
        const interrupted = new AbortController();
        process.once('SIGINT', () => interrupted.abort());
        await watchAll(session, interrupted.signal);
      }),
    );
}

/** 0 for an outcome that a caller hopes for, else 1. */
export function exitCodeOf(outcome: Outcome | null): number {
  return outcome && goodOutcomes.includes(outcome) ? 0 : exitCodes.failed;
}

interface ReportOptions extends SessionOptions {
  format?: ReportFormat;
  out?: string;
  run?: string;
}

function registerReport(program: Command): void {
  withSessionOptions(program.command('report <id>'))
    .description('a report of one procedure, as Markdown, one HTML page, or JSON')
    .addOption(
      new Option('--format <format>', 'format (default: by the name of --out, else md)').choices(
        reportFormats,
      ),
    )
    .option('--out <file>', 'write it to this file instead of stdout')
    .option('--run <id>', 'an earlier run of it')
    .action(async (id: string, options: ReportOptions) => {
      // Loaded only here: the charts take long to load.
      const { createReport } = require('../report') as typeof ReportModule;
      const format = options.format ?? formatOf(options.out);
      const text = await withSession(options, async (session) => {
        const procedure = await describeProcedure(session, id, options.run);
        return createReport(procedure, configOf(options).artifacts, format);
      });
      if (options.out) writeReport(options.out, text);
      else process.stdout.write(text);
    });
}

function formatOf(out?: string): ReportFormat {
  return reportFormats.find((format) => out?.endsWith(`.${format}`)) ?? 'md';
}

function writeReport(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw badInput(`--out "${file}"`, `name a file that can be written (${messageOf(error)})`);
  }
  say(`wrote ${file}`);
}

interface MessageOptions extends SessionOptions {
  by?: string;
  reason?: string;
  comment?: string;
  digest?: string;
}

/** What each message carries beside who sends it, and what is said once it was taken. */
const messages = {
  approve: { description: 'let the step go on that waits for an approval', done: 'approved' },
  deny: { description: 'refuse the step that waits for an approval', done: 'denied' },
  abort: { description: 'end a procedure, and take back what it changed', done: 'aborting' },
  pause: { description: 'let a procedure change nothing until it is resumed', done: 'paused' },
  resume: { description: 'let a paused procedure go on', done: 'resumed' },
} as const;

function registerMessages(program: Command): void {
  const commands = Object.entries(messages).map(([name, { description }]) => {
    const command = withSessionOptions(program.command(`${name} <id>`))
      .description(description)
      .option('--by <who>', 'who says so (default: $USER@host)');
    return command.action((id: string, options: MessageOptions) =>
      tell(id, name as keyof typeof messages, options),
    );
  });
  const [approve, deny, abort] = commands;
  approve
    ?.option('--comment <text>', 'what is to be kept with it')
    .option('--digest <digest>', 'approve only the plan with this digest');
  for (const command of [deny, abort]) command?.requiredOption('--reason <text>', 'why');
  withSessionOptions(program.command('note <id> <text>'))
    .description('keep a note with a procedure')
    .option('--by <who>', 'who says so (default: $USER@host)')
    .action((id: string, text: string, options: MessageOptions) =>
      send(id, 'note', options, { text }, 'noted'),
    );
}

function tell(id: string, name: keyof typeof messages, options: MessageOptions): Promise<void> {
  const { reason, comment, digest } = options;
  return send(id, name, options, { reason, comment, digest }, messages[name].done);
}

async function send(
  id: string,
  name: MessageName,
  options: MessageOptions,
  payload: Record<string, string | undefined>,
  done: string,
): Promise<void> {
  const by = whoActs(options.by);
  const sent = await withSession(options, (session) =>
    sendMessage(session, id, name, { by, ...payload }),
  );
  say(`${done}: ${sent.id}`);
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('give a whole number above 0');
  return Number(text);
}
