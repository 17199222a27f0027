import type { V1OwnerReference } from '@kubernetes/client-node';
import type { RawObject, WatchedKind } from './resources';

/** `Pod/shop/web-abc`, or `Node/n1`. */
export function objectKey(object: Pick<RawObject, 'kind' | 'metadata'>): string {
  const { namespace, name } = object.metadata;
  return [object.kind, namespace, name].filter(Boolean).join('/');
}

/** The owner that manages an object, if any. */
export function controllerOf(object: RawObject): V1OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller);
}

/** The live objects as far as they were seen, with who belongs to whom. */
export class Cache {
  private readonly objects = new Map<string, RawObject>();
  private readonly children = new Map<string, Set<string>>();
  /** By name of a node, the keys of the pods on it. */
  private readonly placed = new Map<string, Set<string>>();
  private readonly counts = new Map<string, number>();

  get size(): number {
    return this.objects.size;
  }

  count(kind: WatchedKind): number {
    return this.counts.get(kind) ?? 0;
  }

  get(key: string): RawObject | undefined {
    return this.objects.get(key);
  }

  find(kind: string, namespace: string | undefined, name: string): RawObject | undefined {
    return this.get([kind, namespace, name].filter(Boolean).join('/'));
  }

  all(kind?: WatchedKind): RawObject[] {
    const objects = [...this.objects.values()];
    return kind ? objects.filter((object) => object.kind === kind) : objects;
  }

  /** Objects whose managing owner has this uid. */
  childrenOf(uid: string | undefined): RawObject[] {
    return uid ? this.found(this.children.get(uid)) : [];
  }

  /** The pods that are bound to a node. */
  podsOn(node: string): RawObject[] {
    return this.found(this.placed.get(node));
  }

  private found(keys: Set<string> | undefined): RawObject[] {
    return keys ? [...keys].flatMap((key) => this.objects.get(key) ?? []) : [];
  }

  put(object: RawObject): void {
    const key = objectKey(object);
    const before = this.objects.get(key);
    if (before) this.unlink(key, before);
    else this.add(object.kind, 1);
    this.objects.set(key, object);
    this.link(key, object);
  }

  remove(key: string): void {
    const object = this.objects.get(key);
    if (!object) return;
    this.objects.delete(key);
    this.unlink(key, object);
    this.add(object.kind, -1);
  }

  private link(key: string, object: RawObject): void {
    for (const [index, group] of this.groupsOf(object)) {
      index.set(group, (index.get(group) ?? new Set()).add(key));
    }
  }

  private unlink(key: string, object: RawObject): void {
    for (const [index, group] of this.groupsOf(object)) {
      const members = index.get(group);
      members?.delete(key);
      if (members?.size === 0) index.delete(group);
    }
  }

  /** The indexes that an object is in, and under what. */
  private groupsOf(object: RawObject): [Map<string, Set<string>>, string][] {
    const owner = controllerOf(object)?.uid;
    const node = object.kind === 'Pod' ? (object.spec?.nodeName as string | undefined) : undefined;
    return [
      ...(owner ? [[this.children, owner] as [Map<string, Set<string>>, string]] : []),
      ...(node ? [[this.placed, node] as [Map<string, Set<string>>, string]] : []),
    ];
  }

  private add(kind: string | undefined, difference: number): void {
    const known = kind ?? '';
    this.counts.set(known, (this.counts.get(known) ?? 0) + difference);
  }
}
