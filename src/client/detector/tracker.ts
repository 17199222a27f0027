import type { Finding } from '../../model/healing';
import type { Observation } from '../../model/incident';
import { formatTarget, healWorkflowId, type Target } from '../../model/target';
import type { Report } from '../incidents';
import { type Cause, isExplained } from './correlation';

/** A finding on an object, and what it is about. */
export interface Sighting {
  symptom: string;
  target: Target;
  finding: Finding;
  /** The incident elsewhere that it is a part of. */
  cause?: Cause;
}

/** One look at an object. */
export interface Look {
  /** `Pod/shop/web-abc`. */
  object: string;
  /** Changes whenever the fault happens anew: uid with restarts or generation. */
  episode: string;
  sightings: Sighting[];
  /** When the object was seen so, in milliseconds; undefined where it may have been so for long. */
  seenAt?: number;
}

interface OpenIncident {
  target: Target;
  symptom: string;
  /** Objects that show the fault now. */
  broken: Set<string>;
  /** Objects that show it and may still come right by themselves. */
  coming: Set<string>;
  /** Whether Temporal was told of it, so that a healing may run. */
  told: boolean;
}

/** Decides what is to be reported, from one look after the other; it has no effects. */
export class Tracker {
  private readonly incidents = new Map<string, OpenIncident>();
  /** By object and symptom, the episode that was reported last; forgotten with the object. */
  private readonly reported = new Map<string, Map<string, string>>();

  /** Notes a healing that runs already. */
  seed(target: Target, symptom: string): void {
    this.incidentOf(target, symptom).told = true;
  }

  /** Takes a look and answers what is new, and when to look again though nothing changes. */
  look(look: Look, now: number): { reports: Report[]; again?: number } {
    const due = look.sightings.filter(({ finding }) => Date.parse(finding.due) <= now);
    const later = look.sightings.filter((sighting) => !due.includes(sighting));
    this.forgetShownBy(look.object);
    for (const { target, symptom } of due) {
      this.incidentOf(target, symptom).broken.add(look.object);
    }
    for (const { target, symptom } of later) {
      this.incidentOf(target, symptom).coming.add(look.object);
    }
    const reports = due.flatMap((sighting) => this.report(look, sighting, now));
    const times = later.map(({ finding }) => Date.parse(finding.due));
    return { reports, again: times.length > 0 ? Math.min(...times) : undefined };
  }

  /** Forgets an object that is gone. */
  forget(object: string): void {
    this.reported.delete(object);
    this.forgetShownBy(object);
  }

  private forgetShownBy(object: string): void {
    for (const { broken, coming } of this.incidents.values()) {
      broken.delete(object);
      coming.delete(object);
    }
  }

  /** Whether an open incident of the target has no broken object left. */
  mayHaveRecovered(target: Target): boolean {
    return this.incidentsOf(target).some(([, { broken }]) => broken.size === 0);
  }

  /** Closes the incidents of a target that is healthy, and answers whom to tell. */
  recovered(target: Target, why: string, now: number): Report[] {
    this.reported.delete(formatObject(target));
    return this.incidentsOf(target).flatMap(([workflowId, { symptom, broken, told }]) => {
      if (broken.size > 0) return [];
      this.incidents.delete(workflowId);
      if (!told) return [];
      const observation: Observation = {
        object: formatObject(target),
        state: 'recovered',
        message: why,
        seenAt: new Date(now).toISOString(),
      };
      return [{ workflowId, target, symptom, observation }];
    });
  }

  /** Symptoms of the open incidents of a target. */
  symptomsOf(target: Target): string[] {
    return this.incidentsOf(target).map(([, { symptom }]) => symptom);
  }

  /** Targets with an open incident. */
  targets(): Target[] {
    return [...this.incidents.values()].map(({ target }) => target);
  }

  /** The symptom that is told of a target, of those that it shows now. */
  leading(target: Target): string | undefined {
    const shown = this.shownBy(target);
    return shown.find((symptom) => !isExplained(symptom, shown));
  }

  /** Objects that show a symptom of the target now. */
  brokenOf(target: Target): string[] {
    return this.incidentsOf(target).flatMap(([, { broken }]) => [...broken]);
  }

  /** Also what is not due yet: the more telling symptom may have the longer deadline. */
  private shownBy(target: Target): string[] {
    return this.incidentsOf(target).flatMap(([, { symptom, broken, coming }]) =>
      broken.size + coming.size > 0 ? [symptom] : [],
    );
  }

  private report(look: Look, sighting: Sighting, now: number): Report[] {
    const { symptom, target, finding, cause } = sighting;
    if (isExplained(symptom, this.shownBy(target))) return [];
    if (cause) return this.handOver(look, sighting, cause, now);
    const episodes = this.reported.get(look.object) ?? new Map<string, string>();
    this.reported.set(look.object, episodes);
    if (episodes.get(symptom) === look.episode) return [];
    episodes.set(symptom, look.episode);
    this.incidentOf(target, symptom).told = true;
    const seenAt = look.seenAt ?? Math.min(now, Date.parse(finding.due));
    const observation: Observation = {
      object: look.object,
      state: 'broken',
      message: finding.message,
      seenAt: new Date(seenAt).toISOString(),
    };
    return [{ workflowId: healWorkflowId(target, symptom), target, symptom, observation }];
  }

  /** Tells a healing that runs already that its fault is part of another; one that does not is not begun. */
  private handOver(look: Look, sighting: Sighting, cause: Cause, now: number): Report[] {
    const { symptom, target } = sighting;
    const { object } = look;
    this.reported.get(object)?.delete(symptom);
    if (cause.leavesRunning) return this.childOf(cause, look, sighting, now);
    const incident = this.incidentOf(target, symptom);
    if (!incident.told) return [];
    incident.told = false;
    const observation: Observation = {
      object,
      state: 'owned',
      message: `it is part of ${healWorkflowId(cause.target, cause.symptom)}`,
      seenAt: new Date(now).toISOString(),
    };
    return [{ workflowId: healWorkflowId(target, symptom), target, symptom, observation }];
  }

  /** Tells the cause's healing, where one was begun, what else it has brought about; once an episode. */
  private childOf(
    { target, symptom }: Cause,
    { object, episode }: Look,
    sighting: Sighting,
    now: number,
  ): Report[] {
    const workflowId = healWorkflowId(target, symptom);
    const episodes = this.reported.get(object) ?? new Map<string, string>();
    const key = `${sighting.symptom} of ${workflowId}`;
    if (!this.incidents.get(workflowId)?.told || episodes.get(key) === episode) return [];
    this.reported.set(object, episodes.set(key, episode));
    const observation: Observation = {
      object,
      state: 'child',
      message: `${sighting.symptom}: ${sighting.finding.message}`,
      seenAt: new Date(now).toISOString(),
    };
    return [{ workflowId, target, symptom, observation }];
  }

  private incidentOf(target: Target, symptom: string): OpenIncident {
    const workflowId = healWorkflowId(target, symptom);
    const incident = this.incidents.get(workflowId) ?? {
      target,
      symptom,
      broken: new Set<string>(),
      coming: new Set<string>(),
      told: false,
    };
    this.incidents.set(workflowId, incident);
    return incident;
  }

  private incidentsOf(target: Target): [string, OpenIncident][] {
    const wanted = formatTarget(target);
    return [...this.incidents].filter(([, incident]) => formatTarget(incident.target) === wanted);
  }
}

function formatObject({ kind, namespace, name }: Target): string {
  return [kind, namespace, name].filter(Boolean).join('/');
}
