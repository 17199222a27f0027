import type { Runbook } from '../../workflows/healing/runbook';
import { runbooks } from '../../workflows/healing/runbooks';

const head = `# Runbooks

This page is written by \`node scripts/runbooks.js\` from the registry (\`src/workflows/healing/runbooks\`), which the detector,
the gateway and \`homeostat get runbooks\` read too. A symptom links to its page. Rungs are tried in this order, the first that
applies; a rung with * always waits for an approval.

| symptom | what it is about | seen by watch on | alerts | rungs | healed by the check |
| --- | --- | --- | --- | --- | --- |
`;

/** The index of all runbooks in Markdown. */
export function runbooksIndex(): string {
  return `${head}${runbooks.map(rowOf).join('')}`;
}

function rowOf({ symptom, title, detect, alerts, ladder, healed }: Runbook): string {
  const rungs = ladder.map(({ name, needsApproval }) => `\`${name}\`${needsApproval ? '*' : ''}`);
  const cells = [
    `[${symptom}](${symptom}.md)`,
    title,
    Object.keys(detect).map(words).join(', '),
    alerts.map((alert) => `\`${alert}\``).join(', '),
    rungs.join(' → '),
    `\`${healed}\``,
  ];
  return `| ${cells.map((cell) => cell || '–').join(' | ')} |\n`;
}

/** `persistent volume claim` for `persistentVolumeClaim`. */
function words(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
