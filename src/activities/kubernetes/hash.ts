import { createHash } from 'node:crypto';
import type { Change, FieldsChange } from '../../model/change';
import type { PodTemplate } from '../../model/kubernetes/objects';
import { canonicalJson, normaliseTemplate } from '../../model/kubernetes/template';

/** SHA-256, hex, of a pod template as it was meant: the same for a workload and its revision. */
export function templateHash(template: PodTemplate): string {
  return sha256(canonicalJson(normaliseTemplate(template)));
}

/** SHA-256, hex, of a change; an approval is bound to it. */
export function changeDigest(change: Change | FieldsChange<string>): string {
  return sha256(canonicalJson(change));
}

/** SHA-256, hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
