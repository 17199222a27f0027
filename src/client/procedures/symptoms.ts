import { badInput } from '../../model/errors';
import type { DetectionSettings, Finding } from '../../model/healing';
import type { Observation } from '../../model/incident';
import { findingOn, type Runbook } from '../../workflows/healing/runbook';
import { findRunbook, runbooks } from '../../workflows/healing/runbooks';
import { nearest } from './nearest';
import type { LiveTarget } from './targets';

/** A symptom, and what of it is to be seen right now. */
export interface Symptom {
  symptom: string;
  observations: Observation[];
}

/**
 * The symptom that was named, or the one that the runbooks see on the live objects.
 * @throws HomeostatError `bad-input` for an unknown symptom, or when nothing is to be seen.
 */
export function symptomOf(live: LiveTarget, settings: DetectionSettings, named?: string): Symptom {
  const now = Date.now();
  const see = (runbook: Runbook): Symptom => ({
    symptom: runbook.symptom,
    observations: findings(runbook, live, settings)
      .filter(({ finding }) => Date.parse(finding.due) <= now)
      .map(({ object, finding }) => observationOf(object, finding, live.namespace)),
  });
  if (named !== undefined) return see(runbookOf(named));
  const seen = runbooks.map(see).find(({ observations }) => observations.length > 0);
  if (seen) return seen;
  throw badInput(
    `${live.kind}/${live.name}`,
    `no runbook sees a symptom on it; name one with --symptom (${symptoms.join(', ')})`,
  );
}

const symptoms = runbooks.map(({ symptom }) => symptom);

function runbookOf(symptom: string): Runbook {
  const runbook = findRunbook(symptom);
  if (runbook) return runbook;
  throw badInput(
    `symptom "${symptom}"`,
    `known are ${symptoms.join(', ')}${nearest(symptom, symptoms)}`,
  );
}

interface Seen {
  /** `Pod/web-abc` */
  object: string;
  finding: Finding;
}

function findings(
  runbook: Runbook,
  { kind, name, object, pods }: LiveTarget,
  settings: DetectionSettings,
): Seen[] {
  const around = { target: () => object, pods: () => pods, cordoned: () => [] };
  const own = kind === 'Pod' ? [] : [{ kind, object }];
  const objects = [...own, ...pods.map((pod) => ({ kind: 'Pod', object: pod }))];
  return objects.flatMap((one) => {
    const finding = findingOn(runbook, one.kind, one.object, settings, around);
    return finding ? [{ object: `${one.kind}/${one.object.metadata?.name ?? name}`, finding }] : [];
  });
}

function observationOf(
  object: string,
  finding: Finding,
  namespace: string | undefined,
): Observation {
  const [kind, name] = object.split('/');
  return {
    object: [kind, namespace, name].filter(Boolean).join('/'),
    state: 'broken',
    message: finding.message,
    seenAt: finding.since,
  };
}
