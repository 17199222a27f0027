import {
  type PodTemplate,
  templateChangedBy,
  type Workload,
} from '../../../model/kubernetes/objects';
import type { StepResult } from '../../../model/procedure';
import type { Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { isConflict, later } from '../errors';
import { findObject, nameOf, pathOfChangeable } from '../resources';
import { replaceBrokenPods } from './replace-broken-pods';

const mostLooks = 5;

/** A change of a workload's pod template, in one direction. */
export interface TemplateChange {
  target: Target;
  uid: string;
  /** Whether a template is what the change makes of it. */
  isDone(template: PodTemplate): boolean;
  /** Whether a template is what the change was worked out for. */
  isExpected(template: PodTemplate): boolean;
  /** The template that the change makes, of the one that is there. */
  wanted(workload: Workload): Promise<PodTemplate> | PodTemplate;
  /** `went back to revision web-6d5`, for the result. */
  done: string;
}

/**
 * Makes a change once, however often it is asked to: it looks first, and its write holds only for the
 * object and the generation that it looked at.
 * @throws ApplicationFailure, retryable, when others keep changing the object meanwhile.
 */
export async function changeTemplate(
  client: KubernetesClient,
  change: TemplateChange,
): Promise<StepResult> {
  const path = pathOfChangeable(change.target);
  for (let look = 0; look < mostLooks; look++) {
    const workload = await findObject<Workload>(client, path);
    const template = workload?.spec?.template;
    if (!workload || !template || workload.metadata?.uid !== change.uid) return gone(change);
    if (change.isDone(template)) return finish(client, workload, 'already', change.done);
    if (!change.isExpected(template)) return superseded(workload);
    const changed = await replaceTemplate(client, path, workload, await change.wanted(workload));
    if (changed) return finish(client, changed, 'changed', change.done);
  }
  throw later(`${path} was changed by others ${mostLooks} times while it was to be changed`);
}

/**
 * The generation changes with the spec alone, so the controller's reports of a crashing workload do
 * not get into the way as they would with the resource version.
 */
async function replaceTemplate(
  client: KubernetesClient,
  path: string,
  workload: Workload,
  template: PodTemplate,
): Promise<Workload | undefined> {
  try {
    return await client.patch<Workload>(path, [
      { op: 'test', path: '/metadata/uid', value: workload.metadata?.uid },
      { op: 'test', path: '/metadata/generation', value: workload.metadata?.generation },
      { op: 'replace', path: '/spec/template', value: template },
    ]);
  } catch (error) {
    if (!isConflict(error)) throw error;
    const now = await client.get<Workload>(path);
    // Refused although nothing had changed: the template itself is invalid now.
    if (now.metadata?.generation === workload.metadata?.generation) throw error;
    return undefined;
  }
}

async function finish(
  client: KubernetesClient,
  workload: Workload,
  result: 'changed' | 'already',
  done: string,
): Promise<StepResult> {
  const replaced = await replaceBrokenPods(client, workload);
  const also = replaced.length > 0 ? `, and replaced its broken pods ${replaced.join(', ')}` : '';
  return { result, detail: `${nameOf(workload)} ${done}${also}` };
}

function superseded(workload: Workload): StepResult {
  const by = templateChangedBy(workload) ?? 'somebody';
  return {
    result: 'superseded',
    detail: `${nameOf(workload)} was changed by ${by} meanwhile, so it was left as it is`,
  };
}

function gone({ target }: TemplateChange): StepResult {
  return {
    result: 'gone',
    detail: `${target.kind} ${target.namespace}/${target.name} no longer exists`,
  };
}
