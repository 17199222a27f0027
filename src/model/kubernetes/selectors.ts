import type { V1LabelSelector } from '@kubernetes/client-node';

/** Whether a selector picks an object with these labels; an empty one picks nothing. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: V1LabelSelector = {},
  labels: Record<string, string> = {},
): boolean {
  const equal = Object.entries(matchLabels);
  if (equal.length === 0 && matchExpressions.length === 0) return false;
  return (
    equal.every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === 'In' ? isIn : !isIn;
    })
  );
}
