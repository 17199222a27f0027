import Table from 'cli-table3';
import YAML from 'yaml';

/** Formats of `-o`. */
export const formats = ['table', 'wide', 'json', 'yaml'] as const;

export type Format = (typeof formats)[number];

/** Prints one document on stdout: as it is for programs, or what `forPeople` makes of it. */
export function printDocument(
  document: unknown,
  format: Format,
  forPeople: (wide: boolean) => string,
): void {
  process.stdout.write(`${render(document, format, forPeople).trimEnd()}\n`);
}

function render(document: unknown, format: Format, forPeople: (wide: boolean) => string): string {
  if (format === 'json') return JSON.stringify(document, undefined, 2);
  if (format === 'yaml') return YAML.stringify(document);
  return forPeople(format === 'wide');
}

/** Says something to people, beside the result. */
export function say(text: string): void {
  process.stderr.write(`homeostat: ${text}\n`);
}

const places = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'],
  ...['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
];

/** cli-table3 without its frames, as kubectl prints. */
const plain = {
  chars: Object.fromEntries(places.map((place) => [place, ''])),
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
};

/** A table without frames; an absent cell is shown as `-`. */
export function tableOf(head: string[], rows: (string | number | null | undefined)[][]): string {
  const table = new Table({ ...plain, head });
  for (const row of rows) table.push(row.map((cell) => oneLine(cell)));
  return trimLines(table.toString());
}

/** Names and values below each other; what is absent is left out. */
export function factsOf(facts: [string, string | number | null | undefined][]): string {
  const table = new Table(plain);
  for (const [name, value] of facts) {
    if (value !== null && value !== undefined) table.push([`${name}:`, oneLine(value)]);
  }
  return trimLines(table.toString());
}

/** Control characters from elsewhere must not reach the terminal. */
function oneLine(cell: string | number | null | undefined): string {
  // oxlint-disable-next-line no-control-regex
  return String(cell ?? '-').replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** How long ago, as kubectl says it: `42s`, `5m`, `3h`, `2d`. */
export function ageOf(time: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
