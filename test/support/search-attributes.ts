import type { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

const names = ['Family', 'Cluster', 'Target', 'Symptom', 'Phase', 'Outcome'];

const keyword = temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;

/** Makes Homeostat's search attributes known to a fresh test server. */
export async function registerSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<void> {
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(names.map((name) => [`Homeostat${name}`, keyword])),
  });
}
