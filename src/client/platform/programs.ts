import path from 'node:path';
import { cached, keyOf } from './cache';
import { compile, type GoModule } from './go';
import { shipped } from './paths';
import type { Progress } from './progress';

export const kubernetesVersion = 'v1.34.4';

const kubernetes: GoModule = {
  name: 'kubernetes',
  folder: shipped('lab', 'kubernetes'),
  goVersion: [1, 24],
  packages: [
    'k8s.io/kubernetes/cmd/kube-apiserver',
    'k8s.io/kubernetes/cmd/kube-controller-manager',
    'k8s.io/kubernetes/cmd/kube-scheduler',
    'k8s.io/kubernetes/cmd/kube-proxy',
    'k8s.io/kubernetes/cmd/kubelet',
    './coredns',
  ],
  linker: `-s -w -X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
};

/** The programs of the lab's own images; standard library only. */
const lab: GoModule = {
  name: 'lab',
  folder: shipped('lab'),
  goVersion: [1, 24],
  packages: ['./shop', './pause'],
  linker: '-s -w',
};

export interface Programs {
  /** Folder with kube-apiserver, kubelet and the other programs of the cluster, and coredns. */
  kubernetes: string;
  /** Folder with the programs of the lab's own images: shop, pause. */
  lab: string;
}

/** Builds what is not in the cache yet; the same sources are built once per machine. */
export async function buildPrograms(progress: Progress): Promise<Programs> {
  const sources = ['go.mod', 'go.sum', 'coredns/main.go'];
  const key = `${kubernetesVersion}-${await keyOfSources(kubernetes, sources)}`;
  return {
    kubernetes: await cached('kubernetes', key, (draft) =>
      compile(kubernetes, `Kubernetes ${kubernetesVersion}`, draft, progress),
    ),
    lab: await buildLabPrograms(progress),
  };
}

export async function buildLabPrograms(progress: Progress): Promise<string> {
  const key = await keyOfSources(lab, ['go.mod', 'shop/main.go', 'pause/main.go']);
  return cached('programs', key, (draft) => compile(lab, 'the shop', draft, progress));
}

const keyOfSources = ({ folder }: GoModule, sources: string[]) =>
  keyOf(
    sources.map((file) => path.join(folder, file)),
    process.arch,
  );
