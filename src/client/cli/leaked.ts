import { messageOf } from '../../model/errors';
import { type Held, leftToLookAt } from '../../model/kubernetes/held';
import { formatTarget } from '../../model/target';
import { loadKubeConfig } from '../../service/kubeconfig';
import { clearLeaked, findLeaked } from '../held';
import type { Check } from '../platform';
import { type Session, type SessionOptions, withSession } from '../procedures/session';

/** Whether procedures that are over have left marks behind; with `fix` these are taken away. */
export async function checkMarks(options: SessionOptions, fix: boolean): Promise<Check> {
  try {
    return await withSession(options, async (session) => {
      const leaked = await findLeaked(session);
      return fix ? clearAll(session, leaked) : told(leaked);
    });
  } catch (error) {
    const detail = `not known: ${messageOf(error)}`;
    return { name: 'marks', ok: false, detail, mend: 'bring Temporal and the API server back' };
  }
}

function told(leaked: Held[]): Check {
  const ok = leaked.length === 0;
  const detail = ok
    ? 'none is left behind'
    : `left behind: ${leaked.map((held) => `${formatTarget(held)} by ${held.heldBy}`).join(', ')}`;
  return { name: 'marks', ok, detail, mend: ok ? null : 'homeostat doctor --fix' };
}

async function clearAll({ config }: Session, leaked: Held[]): Promise<Check> {
  if (leaked.length === 0) return told(leaked);
  const kubeConfig = loadKubeConfig(config);
  const lines: string[] = [];
  let ok = true;
  for (const held of leaked) {
    const obstacle = await clearLeaked(kubeConfig, held);
    ok &&= obstacle === undefined;
    lines.push(`${formatTarget(held)}: ${obstacle ?? `cleared, ${leftToLookAt(held)}`}`);
  }
  return { name: 'marks', ok, detail: lines.join('; '), mend: ok ? null : 'run it again' };
}
