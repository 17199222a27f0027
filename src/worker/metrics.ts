import type { InjectedSinks } from '@temporalio/worker';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ProcedureSinks } from '../workflows/procedure/sinks';

const seconds = [0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];
const fractions = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60];

/** The worker's side of the counts that procedures report. */
export function createProcedureSinks(registry: Registry): InjectedSinks<ProcedureSinks> {
  const registers = [registry];
  const started = new Counter({
    name: 'homeostat_procedures_started_total',
    help: 'Procedures that began.',
    labelNames: ['family', 'type'],
    registers,
  });
  const completed = new Counter({
    name: 'homeostat_procedures_completed_total',
    help: 'Procedures that ended, by outcome.',
    labelNames: ['family', 'type', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'homeostat_procedure_duration_seconds',
    help: 'From the beginning of a procedure to its end.',
    labelNames: ['family', 'type', 'outcome'],
    buckets: seconds,
    registers,
  });
  const detection = new Histogram({
    name: 'homeostat_detection_seconds',
    help: 'From the first sight of a fault in the API to the beginning of its procedure.',
    labelNames: ['family', 'type'],
    buckets: fractions,
    registers,
  });
  const recovery = new Histogram({
    name: 'homeostat_recovery_seconds',
    help: 'From the first sight of a fault in the API until the target was healthy again.',
    labelNames: ['family', 'type'],
    buckets: seconds,
    registers,
  });
  const steps = new Counter({
    name: 'homeostat_steps_total',
    help: 'Steps of procedures, by result.',
    labelNames: ['step', 'result'],
    registers,
  });
  const blocked = createBlockedGauge(registry);

  return {
    metrics: {
      procedureStarted: { fn: (_info, labels) => started.inc(labels) },
      procedureCompleted: {
        fn({ workflowId }, result) {
          const { family, type, outcome } = result;
          completed.inc({ family, type, outcome });
          duration.observe({ family, type, outcome }, result.durationSeconds);
          observe(detection, { family, type }, result.detectionSeconds);
          observe(recovery, { family, type }, result.recoverySeconds);
          blocked.forget(workflowId);
        },
      },
      stepCompleted: { fn: (_info, labels) => steps.inc(labels) },
      blocked: { fn: ({ workflowId }, { gate }) => blocked.enter(workflowId, gate) },
      unblocked: { fn: ({ workflowId }) => blocked.forget(workflowId) },
    },
  };
}

function observe<L extends string>(
  histogram: Histogram<L>,
  labels: Record<L, string>,
  value: number | undefined,
): void {
  if (value !== undefined) histogram.observe(labels, value);
}

/** Counts who is blocked rather than how often, so that a task that is run again counts once. */
function createBlockedGauge(registry: Registry) {
  const gateOf = new Map<string, string>();
  const gates = new Set<string>();
  const gauge: Gauge<'gate'> = new Gauge({
    name: 'homeostat_blocked',
    help: 'Procedures that are blocked now, by gate, as far as this worker ran them.',
    labelNames: ['gate'],
    registers: [registry],
    collect() {
      for (const gate of gates) gauge.set({ gate }, 0);
      for (const gate of gateOf.values()) gauge.inc({ gate });
    },
  });
  return {
    enter(workflowId: string, gate: string) {
      gates.add(gate);
      gateOf.set(workflowId, gate);
    },
    forget(workflowId: string) {
      gateOf.delete(workflowId);
    },
  };
}
