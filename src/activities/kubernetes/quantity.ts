import type { V1Pod } from '@kubernetes/client-node';
import { quantityToScalar } from '@kubernetes/client-node/dist/util.js';

const mebibyte = 2 ** 20;

/** Bytes of a quantity such as `40Mi` or `1G`; 0 for none. */
export function bytesOf(quantity: string | undefined): number {
  return quantity ? Number(quantityToScalar(quantity)) : 0;
}

/** Bytes of a resource that the containers of a pod request together. */
export function requestedBytes({ spec }: V1Pod, resource: string): number {
  const requests = (spec?.containers ?? []).map(({ resources }) => resources?.requests?.[resource]);
  return requests.reduce((sum, one) => sum + bytesOf(one), 0);
}

/** Bytes in whole mebibytes, rounded up, as a quantity. */
export function toMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / mebibyte)}Mi`;
}
