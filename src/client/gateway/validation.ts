import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { mendOf } from '../../model/config';
import { badInput } from '../../model/errors';

/** Checks by zod; the error names the first wrong field, its value and the mend. */
export const validate: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (data) =>
    check(schema, data);

function check(schema: z.ZodType, data: unknown): { value: unknown } | { error: Error } {
  const result = schema.safeParse(data);
  if (result.success) return { value: result.data };
  const [issue, ...others] = result.error.issues as [z.core.$ZodIssue, ...z.core.$ZodIssue[]];
  const value = issue.path.reduce<unknown>((at, key) => (at as never)?.[key], data);
  const written = JSON.stringify(value)?.slice(0, 100) ?? 'missing';
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  return { error: badInput(`${nameOf(issue.path)} = ${written}`, `${mendOf(issue)}${more}`) };
}

/** `alerts[3].labels.alertname` */
function nameOf(path: PropertyKey[]): string {
  const name = path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key).slice(0, 100)}`))
    .join('');
  return name.replace(/^\./, '') || 'the body';
}
