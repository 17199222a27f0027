import type { Health } from '../../healing';
import { controllerOf } from '../owners';
import type { TargetView } from './view';

const mostNamed = 20;

/** No pod waits for an image of the registry; else who does, by name of what they belong to. */
export function imagesPulled({ object, pods }: TargetView): Health {
  const { name } = object.metadata ?? {};
  if (pods.length === 0) return { state: 'healthy', why: `no pod waits for an image of ${name}` };
  const waiting = [...new Set(pods.map(ownerName))].sort();
  const more = waiting.length > mostNamed ? ` and ${waiting.length - mostNamed} more` : '';
  const names = `${waiting.slice(0, mostNamed).join(', ')}${more}`;
  return { state: 'failing', why: `${pods.length} pods wait for images of ${name}: ${names}` };
}

function ownerName(pod: TargetView['pods'][number]): string {
  const { kind, name } = controllerOf(pod) ?? { kind: 'Pod', name: pod.metadata?.name };
  return `${pod.metadata?.namespace}/${kind}/${name}`;
}
