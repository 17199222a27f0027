import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppsV1Api,
  CoreV1Api,
  type KubeConfig,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node';
import { HomeostatError, messageOf } from '../../model/errors';
import { shipped } from '../platform';
import { applyAll, readManifest } from '../platform/manifests';

const namespace = 'shop';

/** The three deployments of the shop; each serves HTTP under its own name. */
export const applications = ['web', 'api', 'worker'] as const;

export type Application = (typeof applications)[number];

/** What a release changes. */
export interface Release {
  version: string;
  /** Makes the release a bad one: it crashes, or never gets ready. */
  fail: 'crash' | 'unready';
  /** Within which Kubernetes expects progress. */
  progressDeadlineSeconds: number;
}

/** The shop in a cluster: deployed, asked and given releases as its team would. */
export class Shop {
  private readonly apps: AppsV1Api;
  private readonly core: CoreV1Api;

  constructor(
    private readonly kubeConfig: KubeConfig,
    private readonly platform: string,
  ) {
    this.apps = kubeConfig.makeApiClient(AppsV1Api);
    this.core = kubeConfig.makeApiClient(CoreV1Api);
  }

  /** Deploys the shop and returns when every application answers. */
  async deploy(): Promise<void> {
    const manifest = await readManifest(shipped('lab', 'shop', 'shop.yaml'));
    await applyAll(this.kubeConfig, manifest, this.platform);
    const deadline = Date.now() + 90_000;
    for (;;) {
      const missing = await this.notServing();
      if (missing.length === 0) return;
      if (Date.now() > deadline) {
        throw new HomeostatError('failed', `the shop does not get ready: ${missing.join('; ')}`);
      }
      await sleep(250);
    }
  }

  /** Releases a version, as a pipeline would. */
  async release(application: Application, release: Release): Promise<void> {
    const env = [
      { name: 'VERSION', value: release.version },
      { name: 'FAIL', value: release.fail },
    ];
    await this.apps.patchNamespacedDeployment(
      {
        name: application,
        namespace,
        body: {
          spec: {
            progressDeadlineSeconds: release.progressDeadlineSeconds,
            template: { spec: { containers: [{ name: 'shop', env }] } },
          },
        },
      },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
  }

  /**
   * Asks an application over HTTP, several times.
   * @returns why it is not verified, or undefined when every answer came from the version.
   */
  async refute(application: Application, version: string): Promise<string | undefined> {
    for (let request = 0; request < 10; request += 1) {
      const page = await this.ask(application);
      if (page.version !== version) return `version ${page.version} answers`;
    }
    return this.unavailable(application);
  }

  private async notServing(): Promise<string[]> {
    const answers = await Promise.all(
      applications.map(async (application) => {
        try {
          const why =
            (await this.unavailable(application)) ?? (await this.refute(application, '1'));
          return why ? [`${application}: ${why}`] : [];
        } catch (error) {
          return [`${application}: ${messageOf(error)}`];
        }
      }),
    );
    return answers.flat();
  }

  private async ask(application: Application): Promise<{ version: string }> {
    // Through the API server, so that it works wherever the cluster is; the request itself is plain HTTP.
    const answer: unknown = await this.core.connectGetNamespacedServiceProxyWithPath({
      name: `${application}:http`,
      namespace,
      path: '/',
    });
    return (typeof answer === 'string' ? JSON.parse(answer) : answer) as { version: string };
  }

  private async unavailable(application: Application): Promise<string | undefined> {
    const { metadata, spec, status } = await this.apps.readNamespacedDeployment({
      name: application,
      namespace,
    });
    const wanted = spec?.replicas ?? 1;
    const settled =
      status?.observedGeneration === metadata?.generation &&
      status?.updatedReplicas === wanted &&
      status?.availableReplicas === wanted &&
      status?.replicas === wanted;
    return settled
      ? undefined
      : `${status?.availableReplicas ?? 0} of ${wanted} replicas available`;
  }
}
