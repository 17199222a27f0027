// The bench's own access to the platform: as its administrator, and as a client of Temporal.
'use strict';
const {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  Watch,
} = require('@kubernetes/client-node');
const { Client, Connection } = require('@temporalio/client');

const namespace = 'bench';

class Cluster {
  static async connect(platform) {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(platform.cluster.kubeconfig);
    const connection = await Connection.connect({ address: platform.temporal.address });
    const cluster = new Cluster(kubeConfig, connection, platform);
    await cluster.core
      .createNamespace({ body: { metadata: { name: namespace } } })
      .catch((error) => error.code === 409 || Promise.reject(error));
    return cluster;
  }

  constructor(kubeConfig, connection, platform) {
    this.namespace = namespace;
    this.platform = platform;
    this.core = kubeConfig.makeApiClient(CoreV1Api);
    this.apps = kubeConfig.makeApiClient(AppsV1Api);
    this.watcher = new Watch(kubeConfig);
    this.connection = connection;
    this.client = new Client({ connection, namespace: platform.temporal.namespace });
  }

  close() {
    return this.connection.close();
  }

  /** Resolves with the time at which a watch first shows an object that satisfies `reached`. */
  async seen(resource, labels, reached) {
    const path =
      resource === 'pods'
        ? `/api/v1/namespaces/${namespace}/pods`
        : `/apis/apps/v1/namespaces/${namespace}/${resource}`;
    let abort;
    try {
      return await new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`not seen: ${resource} ${labels}`)),
          120_000,
        );
        const done = (error) => {
          clearTimeout(timer);
          if (error) reject(error);
        };
        this.watcher
          .watch(
            path,
            { labelSelector: labels },
            (_type, object) => {
              if (!reached(object)) return;
              done();
              resolve(Date.now());
            },
            done,
          )
          .then((controller) => {
            abort = controller;
          }, reject);
      });
    } finally {
      abort?.abort();
    }
  }

  async patchDeployment(name, body) {
    const options = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);
    return this.apps.patchNamespacedDeployment({ name, namespace, body }, options);
  }

  async patchPodStatus(name, status) {
    const options = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    return this.core.patchNamespacedPodStatus({ name, namespace, body: { status } }, options);
  }

  healId(kind, name) {
    return `heal:${this.platform.cluster.name}:${namespace}:${kind}:${name}:crash-loop`;
  }
}

module.exports = { Cluster };
