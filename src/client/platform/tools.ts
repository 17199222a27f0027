import path from 'node:path';
import { cached, keyOf } from './cache';
import { compile, type GoModule } from './go';
import { findProgram } from './packages';
import { shipped } from './paths';
import type { Progress } from './progress';

/** Programs that only some platforms and tests need. */
export type Tool = 'helm' | 'metrics-server' | 'kube-state-metrics' | 'versitygw';

const helm = 'helm.sh/helm/v3';

/** One module, since they share most of what they are made of. */
const tools: GoModule = {
  name: 'tools',
  folder: shipped('lab', 'tools'),
  goVersion: [1, 26],
  packages: [`${helm}/cmd/helm`, 'sigs.k8s.io/metrics-server/cmd/metrics-server'],
  // As the release does: without these, `helm template` takes itself for one of an old Kubernetes.
  linker: [
    '-s -w',
    `-X ${helm}/internal/version.version=v3.22.0`,
    `-X ${helm}/pkg/chartutil.k8sVersionMajor=1`,
    `-X ${helm}/pkg/chartutil.k8sVersionMinor=37`,
    `-X ${helm}/pkg/lint/rules.k8sVersionMajor=1`,
    `-X ${helm}/pkg/lint/rules.k8sVersionMinor=37`,
  ].join(' '),
};

/** By itself: it does not compile with the Kubernetes client that the others ask for. */
const kubeStateMetrics: GoModule = {
  name: 'kube-state-metrics',
  folder: shipped('lab', 'kube-state-metrics'),
  goVersion: [1, 24],
  packages: ['k8s.io/kube-state-metrics/v2'],
  linker: '-s -w',
};

/** A server that speaks S3, for the tests of the artifact store. */
const versitygw: GoModule = {
  name: 'versitygw',
  folder: shipped('lab', 'versitygw'),
  goVersion: [1, 25],
  packages: ['github.com/versity/versitygw/cmd/versitygw'],
  linker: '-s -w',
};

const modules: Record<Tool, GoModule> = {
  helm: tools,
  'metrics-server': tools,
  'kube-state-metrics': kubeStateMetrics,
  versitygw,
};

/**
 * Where a tool lies: on PATH, else in the cache, where the first who asks builds it.
 * @throws HomeostatError `bad-input` where it is missing and cannot be built, with the mend.
 */
export async function findTool(tool: Tool, progress: Progress = () => undefined): Promise<string> {
  const onPath = findProgram(tool);
  if (onPath) return onPath;
  const module = modules[tool];
  const what = module === tools ? 'helm and metrics-server' : tool;
  const sources = ['go.mod', 'go.sum'].map((file) => path.join(module.folder, file));
  const key = `${module.name}-${await keyOf(sources, process.arch, module.linker)}`;
  const folder = await cached('tools', key, (draft) => compile(module, what, draft, progress));
  return path.join(folder, tool);
}
