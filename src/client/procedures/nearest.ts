/** ` (did you mean "crash-loop"?)` when a known name is near what was written, else an empty text. */
export function nearest(written: string, known: readonly string[]): string {
  const [best] = known
    .map((name) => ({ name, distance: distanceOf(written.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(2, name.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return best ? ` (did you mean "${best.name}"?)` : '';
}

/** Levenshtein's distance: how many letters are put in, taken out or changed. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [line, letter] of one.split('').entries()) {
    const next = [line + 1];
    for (const [column, otherLetter] of other.split('').entries()) {
      const change = row[column]! + (letter === otherLetter ? 0 : 1);
      next.push(Math.min(change, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
