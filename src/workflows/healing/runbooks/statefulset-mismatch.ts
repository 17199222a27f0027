import { hasStuckOrdinal } from '../../../model/kubernetes/faults/replicas';
import type { Runbook } from '../runbook';
import { replaceUnready, undoRollout } from '../rungs';

export const statefulSetMismatch: Runbook = {
  symptom: 'statefulset-mismatch',
  title: 'An ordinal of a StatefulSet that stays unready',
  detect: { workload: hasStuckOrdinal },
  alerts: ['KubeStatefulSetReplicasMismatch'],
  ladder: [replaceUnready, undoRollout],
  healed: 'available-without-restarts',
};
