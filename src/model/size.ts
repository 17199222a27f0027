import { badInput } from './errors';

const units = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 } as const;

/** A size as people write it: `512Ki`, `10Mi`. */
export const sizePattern = /^(\d+)(Ki|Mi|Gi)?$/;

/**
 * Bytes of a size written `4096`, `512Ki`, `10Mi` or `1Gi`.
 * @throws HomeostatError `bad-input` that names `field` when it is written otherwise.
 */
export function parseSize(text: string, field = 'size'): number {
  const match = sizePattern.exec(text);
  if (!match) throw badInput(`${field} "${text}"`, 'write a size such as 512Ki or 10Mi');
  return Number(match[1]) * units[(match[2] ?? '') as keyof typeof units];
}
