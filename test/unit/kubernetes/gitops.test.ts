import type { KubernetesObject } from '@kubernetes/client-node';
import { formatGitOpsOwner, gitOpsOwnerOf } from '../../../src/model/kubernetes/gitops';

/** A Deployment with the metadata that the tools write. */
const web = (metadata: object): KubernetesObject => ({
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop', ...metadata },
});

const trackingId = (id: string) => ({ annotations: { 'argocd.argoproj.io/tracking-id': id } });
const instance = { 'app.kubernetes.io/instance': 'shop' };
const appliedBy = (manager: string) => ({ managedFields: [{ manager, operation: 'Update' }] });

describe('gitOpsOwnerOf', () => {
  test.each([
    [
      'Flux Kustomization flux-system/apps',
      web({
        labels: {
          'kustomize.toolkit.fluxcd.io/name': 'apps',
          'kustomize.toolkit.fluxcd.io/namespace': 'flux-system',
        },
      }),
    ],
    [
      'Flux HelmRelease shop/web',
      web({
        labels: {
          'app.kubernetes.io/managed-by': 'Helm',
          'helm.toolkit.fluxcd.io/name': 'web',
          'helm.toolkit.fluxcd.io/namespace': 'shop',
        },
      }),
    ],
    ['Argo CD Application argocd/shop', web(trackingId('shop:apps/Deployment:shop/web'))],
    ['Argo CD Application team-a/shop', web(trackingId('team-a_shop:apps/Deployment:shop/web'))],
    [
      'Argo CD Application argocd/shop',
      web({ labels: instance, ...appliedBy('argocd-controller') }),
    ],
  ])('%s', (expected, object) => {
    expect(formatGitOpsOwner(gitOpsOwnerOf(object)!)).toBe(expected);
  });

  test.each([
    ['nobody', web({})],
    [
      'a tracking id that was copied from another object',
      web(trackingId('shop:apps/Deployment:shop/api')),
    ],
    ['a label that Helm uses too', web({ labels: instance, ...appliedBy('helm') })],
    [
      'a label of Flux without its namespace',
      web({ labels: { 'helm.toolkit.fluxcd.io/name': 'web' } }),
    ],
  ])('none: %s', (_name, object) => {
    expect(gitOpsOwnerOf(object)).toBeUndefined();
  });
});
