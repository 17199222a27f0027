import { Registry } from 'prom-client';
import {
  type Report,
  type ReportFormat,
  type ReportSource,
  referencesOf,
} from '../../model/report';
import { type ArtifactPlace, createArtifactStore } from '../../service/artifacts';
import { createBreakers } from '../../service/breaker';
import { readEvidence } from './evidence';
import { toHtml } from './html';
import { toMarkdown } from './markdown';

/** Reads a procedure's evidence from its store, and renders the report. A store that is away is said so in it. */
export async function createReport(
  source: ReportSource,
  place: ArtifactPlace,
  format: ReportFormat,
): Promise<string> {
  const store = createArtifactStore(place, createBreakers(new Registry()));
  const artifacts = await readEvidence(store, referencesOf(source));
  return renderReport({ ...source, artifacts }, format);
}

/** The same contents in each format; in JSON the whole record. */
export function renderReport(report: Report, format: ReportFormat): string {
  if (format === 'json') return `${JSON.stringify(report, undefined, 2)}\n`;
  return format === 'html' ? toHtml(report) : toMarkdown(report);
}
