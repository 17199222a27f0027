import type { V1OwnerReference } from '@kubernetes/client-node';
import type { Labelled } from './objects';

/** Hands off. */
export const ignoreMark = 'homeostat.dev/ignore';
/** Every change waits for an approval. */
export const protectedMark = 'homeostat.dev/protected';
/** On a revision: when it was last seen wholly available. */
export const availableMark = 'homeostat.dev/available';
/** On a revision: when it was last seen failing. */
export const faultyMark = 'homeostat.dev/faulty';

/** On what is changed for a while: the workflow id of the procedure that holds it so. */
export const heldByMark = 'homeostat.dev/held-by';
/** On a node: when somebody uncordoned it against a procedure; a fault from before is left alone. */
export const vetoedMark = 'homeostat.dev/vetoed';

/** On a Job: doing it twice does no harm. */
export const idempotentMark = 'homeostat.dev/idempotent';

/** The owner that controls an object, if any. */
export function controllerOf(object: Labelled): V1OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((reference) => reference.controller);
}

/** Whether an object, or its namespace where given, is marked to be left alone. */
export function isIgnored(object: Labelled, namespace?: Labelled): boolean {
  return isMarked(object, ignoreMark) || isMarked(namespace, ignoreMark);
}

/** Whether changes to an object, by its own mark or its namespace's, need an approval. */
export function isProtected(object: Labelled, namespace?: Labelled): boolean {
  return isMarked(object, protectedMark) || isMarked(namespace, protectedMark);
}

/** A mark may be a label or an annotation, so that nobody has to remember which. */
export function isMarked(object: Labelled | undefined, mark: string): boolean {
  const { annotations, labels } = object?.metadata ?? {};
  return annotations?.[mark] === 'true' || labels?.[mark] === 'true';
}
