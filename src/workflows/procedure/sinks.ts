import { proxySinks, type Sinks } from '@temporalio/workflow';
import type { Family, GateName, Outcome, StepState } from '../../model/procedure';

/** Counts that workflows report to the worker's metrics; never repeated during replay. */
export interface ProcedureSinks extends Sinks {
  metrics: {
    procedureStarted(labels: { family: Family; type: string }): void;
    procedureCompleted(result: {
      family: Family;
      type: string;
      outcome: Outcome;
      durationSeconds: number;
      /** From the fault's first sight to healthy again. */
      recoverySeconds?: number;
      /** From the fault's first sight to the procedure's start. */
      detectionSeconds?: number;
    }): void;
    stepCompleted(step: { step: string; result: StepState }): void;
    blocked(at: { gate: GateName }): void;
    unblocked(at: { gate: GateName }): void;
  };
}

export const { metrics } = proxySinks<ProcedureSinks>();
