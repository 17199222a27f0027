/** Where a run is seen in Temporal's web UI, whose base URL is `ui`. */
export function temporalUiUrl(ui: string, namespace: string, id: string, runId: string): string {
  const path = [namespace, 'workflows', id, runId].map(encodeURIComponent).join('/');
  return `${ui.replace(/\/$/, '')}/namespaces/${path}`;
}

/** A URL with `{id}` and `{runId}` filled in. */
export function fillUrl(template: string, id: string, runId: string): string {
  return template
    .replaceAll('{id}', encodeURIComponent(id))
    .replaceAll('{runId}', encodeURIComponent(runId));
}
