import type { Finding } from '../../model/healing';

/** Pulls that fail in so many namespaces are no longer held for the fault of each. */
const namespacesOfAnOutage = 3;

/** Knows which registries give no images, from the pods that wait for them. */
export class Registries {
  /** By host, the pods that wait for it, and their namespaces. */
  private readonly waiting = new Map<string, Map<string, string>>();
  /** By host that is away. */
  private readonly outages = new Map<string, Finding>();

  /**
   * Takes which registries a pod waits for now.
   * @param now milliseconds since the epoch.
   * @returns hosts that went away or came back by it.
   */
  take(pod: string, namespace: string, hosts: readonly string[], now: number): string[] {
    for (const [host, pods] of this.waiting) {
      if (!hosts.includes(host) && pods.delete(pod) && pods.size === 0) this.waiting.delete(host);
    }
    for (const host of hosts) {
      const pods = this.waiting.get(host) ?? new Map<string, string>();
      this.waiting.set(host, pods.set(pod, namespace));
    }
    return [...this.ended(), ...hosts.filter((host) => this.begins(host, now))];
  }

  /** What is to be said of a registry that is away; undefined for any other. */
  outageOf(host: string): Finding | undefined {
    return this.outages.get(host);
  }

  /** Keys of the pods that wait for a registry. */
  podsOf(host: string): string[] {
    return [...(this.waiting.get(host)?.keys() ?? [])];
  }

  private begins(host: string, now: number): boolean {
    const namespaces = [...new Set(this.waiting.get(host)?.values())].sort();
    if (this.outages.has(host) || namespaces.length < namespacesOfAnOutage) return false;
    const since = new Date(now).toISOString();
    const message = `pulls from ${host} fail in the namespaces ${namespaces.join(', ')}`;
    this.outages.set(host, { since, due: since, message });
    return true;
  }

  /** Kubelets come back to a registry one by one, so it is away until none of them waits. */
  private ended(): string[] {
    const ended = [...this.outages.keys()].filter((host) => !this.waiting.has(host));
    for (const host of ended) this.outages.delete(host);
    return ended;
  }
}
