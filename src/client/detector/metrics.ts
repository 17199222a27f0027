import { Counter, Gauge, type Registry } from 'prom-client';
import { type WatchedKind, watchedKinds } from './resources';

/** What the gauges show at the moment they are read. */
export interface DetectorState {
  objects: (kind: WatchedKind) => number;
  pending: () => number;
}

/** The detector's metrics, `homeostat_detector_*`. */
export function createDetectorMetrics(registry: Registry, state: DetectorState) {
  const registers = [registry];
  new Gauge({
    name: 'homeostat_detector_objects',
    help: 'Objects held in memory, by kind.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const kind of watchedKinds)
        if (kind !== 'Event') this.set({ kind }, state.objects(kind));
    },
  });
  new Gauge({
    name: 'homeostat_detector_pending_reports',
    help: 'Reports that Temporal has not taken yet.',
    registers,
    collect() {
      this.set(state.pending());
    },
  });
  return {
    findings: new Counter({
      name: 'homeostat_detector_findings_total',
      help: 'Faults found, once an episode, by symptom.',
      labelNames: ['symptom'],
      registers,
    }),
    reports: new Counter({
      name: 'homeostat_detector_reports_total',
      help: 'Reports to Temporal, by result; a failed one is sent again.',
      labelNames: ['result'],
      registers,
    }),
    reconnects: new Counter({
      name: 'homeostat_detector_reconnects_total',
      help: 'Watches that broke and began anew, by kind.',
      labelNames: ['kind'],
      registers,
    }),
    marks: new Counter({
      name: 'homeostat_detector_marks_total',
      help: 'Marks left on revisions, by mark and result.',
      labelNames: ['mark', 'result'],
      registers,
    }),
  };
}

export type DetectorMetrics = ReturnType<typeof createDetectorMetrics>;
