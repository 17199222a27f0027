import { CoreV1Api, type V1Node } from '@kubernetes/client-node';
import { adminKubeConfig, changesByHomeostat } from './workloads';

/** The lab's nodes, as its administrator sees them. */
export class Nodes {
  private readonly core = adminKubeConfig().makeApiClient(CoreV1Api);

  read(name: string): Promise<V1Node> {
    return this.core.readNode({ name });
  }

  /** How often Homeostat's worker changed the node. */
  changes(name: string): number {
    return changesByHomeostat('nodes', name);
  }

  /** Neither cordoned, nor marked as held by a procedure. */
  async isFree(name: string): Promise<void> {
    const { metadata, spec } = await this.read(name);
    expect(spec?.unschedulable).toBeUndefined();
    expect(metadata?.annotations?.['homeostat.dev/held-by']).toBeUndefined();
  }
}
