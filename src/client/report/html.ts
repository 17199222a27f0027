import { goodOutcomes } from '../../model/procedure';
import { type Artifact, contentsOf, type Report, type Table } from '../../model/report';
import { type Chart, metricCharts, stepsChart } from './charts';
import { latestMetrics } from './metrics';
import { style } from './style';
import { visible } from './text';

/** Nothing is loaded, nothing runs, nothing can be sent. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The report as one page that loads nothing and holds no script. */
export function toHtml(report: Report): string {
  const { title, state, reason, facts, tables } = contentsOf(report);
  const metrics = latestMetrics(report.artifacts);
  const steps = stepsChart(report);
  const charts = metrics ? metricCharts(metrics, report) : [];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${inHtml(`${title}: ${state}`)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<p class="state ${toneOf(report)}">${inHtml(state)}</p>
<h1>${inHtml(title)}</h1>
${reason ? `<p class="reason">${inHtml(reason)}</p>` : ''}
</header>
<dl>${facts.map(factHtml).join('')}</dl>
${steps ? chartHtml(steps) : ''}
${charts.length > 0 ? `<h2>Metrics</h2><div class="charts">${charts.map(chartHtml).join('\n')}</div>` : ''}
${tables.map(tableHtml).join('\n')}
${artifactsHtml(report.artifacts)}
</main>
</body>
</html>
`;
}

function toneOf({ outcome }: Report): string {
  if (!outcome) return 'open';
  return goodOutcomes.includes(outcome) ? 'good' : 'bad';
}

function factHtml([name, value]: [string, string]): string {
  const shown = /^https?:\/\//.test(value)
    ? `<a href="${inHtml(value)}">${inHtml(value)}</a>`
    : inHtml(value);
  return `<div><dt>${inHtml(name)}</dt><dd>${shown}</dd></div>`;
}

function chartHtml({ title, svg }: Chart): string {
  return `<figure><figcaption>${inHtml(title)}</figcaption>${svg}</figure>`;
}

function tableHtml({ title, head, rows }: Table): string {
  const cells = (tag: string, row: string[]) =>
    row.map((cell) => `<${tag}>${inHtml(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<section><h2>${inHtml(title)}</h2><div class="scroll"><table>
<thead><tr>${cells('th', head)}</tr></thead>
<tbody>
${body}
</tbody>
</table></div></section>`;
}

/** What the evidence holds, folded, by snapshot. */
function artifactsHtml(artifacts: Artifact[]): string {
  const labels = [...new Set(artifacts.map(({ label }) => label))];
  const snapshots = labels.map((label) => {
    const items = artifacts.filter((artifact) => artifact.label === label).map(artifactHtml);
    return `<section><h2>Snapshot: ${inHtml(label)}</h2>${items.join('\n')}</section>`;
  });
  return snapshots.join('\n');
}

function artifactHtml({ path, bytes, integrity, why, text, cut, uri }: Artifact): string {
  const seal = `<span class="seal ${integrity}">${integrity}</span>`;
  const name = `<code>${inHtml(path)}</code> <span class="soft">${bytes} bytes</span> ${seal}`;
  if (text === undefined) {
    return `<p class="artifact">${name} <span class="soft">${inHtml(why ?? '')}</span></p>`;
  }
  const rest = cut ? `<p class="soft">Cut off here; the whole is at ${inHtml(uri)}.</p>` : '';
  return `<details class="artifact"><summary>${name}</summary><pre>${inHtml(text)}</pre>${rest}</details>`;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function inHtml(text: string): string {
  return visible(text).replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
