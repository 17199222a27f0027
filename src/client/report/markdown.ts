import {
  type Artifact,
  type Contents,
  contentsOf,
  type Report,
  type Table,
} from '../../model/report';
import { visible } from './text';

/** Lines of an artifact that are shown: the last ones, where a log tells why. */
const mostLines = 40;
const longestLine = 400;

/** The report as Markdown, with the end of every log and list. */
export function toMarkdown(report: Report): string {
  const { title, state, reason, facts, tables }: Contents = contentsOf(report);
  const blocks = [
    `# ${inMarkdown(title)}: ${inMarkdown(state)}`,
    ...(reason ? [inMarkdown(reason)] : []),
    facts.map(([name, value]) => `- ${name}: ${inMarkdown(value)}`).join('\n'),
    ...tables.flatMap((table) => [`## ${table.title}`, tableText(table)]),
    ...report.artifacts.filter(isReadable).flatMap(excerptText),
  ];
  return `${blocks.join('\n\n')}\n`;
}

/** Manifests and measurements are for the store; a person reads logs, events and what is missing. */
const isReadable = ({ path, text }: Artifact) => Boolean(text) && /\.(log|txt)$/.test(path);

function excerptText({ label, path, text = '', cut }: Artifact): string[] {
  const lines = visible(text).trimEnd().split('\n');
  const shown = lines.slice(-mostLines).map((line) => line.slice(0, longestLine));
  const whole = shown.length === lines.length && !cut;
  const fence = '`'.repeat(Math.max(3, longestRun(shown) + 1));
  const heading = `### ${inMarkdown(`${label}: ${path}`)}${whole ? '' : ' (excerpt)'}`;
  return [heading, [fence, ...shown, fence].join('\n')];
}

/** The longest run of backticks, which a fence must outdo. */
function longestRun(lines: string[]): number {
  return Math.max(0, ...lines.flatMap((line) => line.match(/`+/g) ?? []).map((run) => run.length));
}

function tableText({ head, rows }: Table): string {
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map(inMarkdown))];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Text from elsewhere stays text: nothing of it is taken for markup. */
function inMarkdown(text: string): string {
  return visible(text.replaceAll(/\s+/g, ' ')).replaceAll(/[\\`*_[\]<>|~#]/g, '\\$&');
}
