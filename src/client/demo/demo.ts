import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { HomeostatError, messageOf } from '../../model/errors';
import type { ProcedureRecord } from '../../model/procedure';
import { healWorkflowId } from '../../model/target';
import { type Platform, readPlatform } from '../platform';
import { type Session, uiLink } from '../procedures/session';
import type { Application, Release, Shop } from './shop';

/** A fault that the demo makes. */
interface Fault {
  name: string;
  application: Application;
  symptom: string;
  release: Release;
  /** Kill the worker while it is in the middle of the recovery. */
  killWorker: boolean;
}

/** What became of a fault; times count from the moment the release was made. */
export interface FaultResult {
  name: string;
  seenAfterMs: number | null;
  healedAfterMs: number | null;
  actions: string[];
  /** Whether the shop's own answers and the procedure's record both say so. */
  verified: boolean;
  workflowId: string;
  url: string | null;
  /** Why it is not verified. */
  problem?: string;
}

export interface DemoResult {
  ok: boolean;
  faults: FaultResult[];
}

const crash: Release = { version: '2', fail: 'crash', progressDeadlineSeconds: 60 };
const unready: Release = { version: '2', fail: 'unready', progressDeadlineSeconds: 5 };

/** Two faults at once, then the same two with the worker killed. */
const rounds: Fault[][] = [
  [
    fault('a release that crash-loops', 'web', 'crash-loop', crash),
    fault('a release that never gets ready', 'api', 'rollout-stuck', unready),
  ],
  [
    fault('a release that crash-loops, worker killed', 'worker', 'crash-loop', crash, true),
    fault('a release that never gets ready, worker killed', 'web', 'rollout-stuck', unready, true),
  ],
];

function fault(
  name: string,
  application: Application,
  symptom: string,
  release: Release,
  killWorker = false,
): Fault {
  return { name, application, symptom, release, killWorker };
}

const patienceMs = 120_000;
const lookEveryMs = 50;

/** What the demo works with. */
export interface Stage {
  session: Session;
  platform: Platform;
  shop: Shop;
  say: (line: string) => void;
}

/** Makes every fault, watches Homeostat heal it, and verifies that by requests to the shop. */
export async function runDemo(stage: Stage): Promise<DemoResult> {
  const faults: FaultResult[] = [];
  for (const round of rounds) {
    faults.push(...(await Promise.all(round.map((one) => play(stage, one)))));
  }
  return { ok: faults.every(({ verified }) => verified), faults };
}

async function play(stage: Stage, fault: Fault): Promise<FaultResult> {
  const { session, platform, shop, say } = stage;
  const target = {
    cluster: platform.cluster.name,
    kind: 'Deployment',
    namespace: 'shop',
    name: fault.application,
  };
  const workflowId = healWorkflowId(target, fault.symptom);
  const blank: FaultResult = {
    name: fault.name,
    seenAfterMs: null,
    healedAfterMs: null,
    actions: [],
    verified: false,
    workflowId,
    url: null,
  };
  say(`${fault.name}: releasing version ${fault.release.version} of ${fault.application}`);
  const begun = Date.now();
  await shop.release(fault.application, fault.release);
  try {
    const seen = await incident(session, workflowId, begun);
    say(`${fault.name}: seen, healing as ${workflowId}`);
    if (fault.killWorker) await killInTheMiddle(stage, workflowId, seen.runId);
    const handle = session.temporal.client.workflow.getHandle<() => Promise<ProcedureRecord>>(
      workflowId,
      seen.runId,
    );
    const record = await within(handle.result(), `${workflowId} ends`);
    const problem = await problemOf(shop, fault, record);
    say(
      `${fault.name}: ${record.outcome}${problem ? `, but ${problem}` : ', and the shop agrees'}`,
    );
    return {
      ...blank,
      seenAfterMs: seen.at - begun,
      healedAfterMs: since(begun, record.milestones.healthyAt),
      actions: record.ledger.flatMap(({ changed, name }) => (changed ? [name] : [])),
      verified: problem === undefined,
      url: uiLink(session, workflowId, seen.runId) ?? null,
      ...(problem && { problem }),
    };
  } catch (error) {
    say(`${fault.name}: ${messageOf(error)}`);
    return { ...blank, problem: messageOf(error) };
  }
}

/** Waits for the run that the detector starts for this fault. */
async function incident(session: Session, workflowId: string, begun: number) {
  const handle = session.temporal.client.workflow.getHandle(workflowId);
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    try {
      const { runId, startTime } = await handle.describe();
      if (startTime.getTime() >= begun) return { runId, at: startTime.getTime() };
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    await sleep(lookEveryMs);
  }
  throw new HomeostatError('failed', `nobody saw the fault within ${patienceMs / 1_000} s`);
}

/** Kills the worker as soon as the procedure has begun to act; the platform starts it again. */
async function killInTheMiddle(stage: Stage, workflowId: string, runId: string): Promise<void> {
  const { session, platform, say } = stage;
  const handle = session.temporal.client.workflow.getHandle(workflowId, runId);
  const acts = async () => {
    const { ledger } = await handle.query<ProcedureRecord>('ledger');
    return ledger.some(({ undo }) => undo);
  };
  const deadline = Date.now() + patienceMs;
  // A query fails while another fault of the same round has just killed the worker.
  while (!(await acts().catch(() => false))) {
    if (Date.now() > deadline) throw new HomeostatError('failed', `${workflowId} never acted`);
    await sleep(lookEveryMs);
  }
  const pid = readPlatform(platform.name)?.parts.find(({ name }) => name === 'worker')?.pid;
  if (!pid) return;
  say(`killing the worker (process ${pid}) in the middle of ${workflowId}`);
  process.kill(pid, 'SIGKILL');
}

async function problemOf(
  shop: Shop,
  fault: Fault,
  record: ProcedureRecord,
): Promise<string | undefined> {
  if (record.outcome !== 'healed') return `the outcome is ${record.outcome}: ${record.reason}`;
  return shop.refute(fault.application, '1');
}

function since(begun: number, time: string | undefined): number | null {
  return time ? Date.parse(time) - begun : null;
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const timer = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: timer.signal }).then(() => {
    throw new HomeostatError('failed', `waited ${patienceMs / 1_000} s in vain until ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}
