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
    const keys = uid ? this.children.get(uid) : undefined;
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
    const owner = controllerOf(object)?.uid;
    if (!owner) return;
    const siblings = this.children.get(owner) ?? new Set();
    this.children.set(owner, siblings.add(key));
  }

  private unlink(key: string, object: RawObject): void {
    const owner = controllerOf(object)?.uid;
    const siblings = owner ? this.children.get(owner) : undefined;
    siblings?.delete(key);
    if (owner && siblings?.size === 0) this.children.delete(owner);
  }

  private add(kind: string | undefined, difference: number): void {
    const known = kind ?? '';
    this.counts.set(known, (this.counts.get(known) ?? 0) + difference);
  }
}
