import { stringify } from 'yaml';
import { base64Of, type Certificate } from './certificates';
import { writeWhole } from './files';

interface Cluster {
  name: string;
  server: string;
  /** PEM, base64. */
  authority?: string;
  /** Only for a cluster that was given so. */
  insecure?: boolean;
}

type User = { token: string } | { 'client-certificate-data': string; 'client-key-data': string };

/** Writes a kubeconfig with one context, named as the cluster, readable by its owner only. */
export function writeKubeconfig(
  file: string,
  cluster: Cluster,
  userName: string,
  user: User,
): void {
  const trust = cluster.authority
    ? { 'certificate-authority-data': cluster.authority }
    : { 'insecure-skip-tls-verify': cluster.insecure ?? false };
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster.name, cluster: { server: cluster.server, ...trust } }],
    users: [{ name: userName, user }],
    contexts: [{ name: cluster.name, context: { cluster: cluster.name, user: userName } }],
    'current-context': cluster.name,
  };
  writeWhole(file, stringify(content));
}

/** The user that a certificate of the cluster's authority stands for. */
export async function certificateUser(certificate: Certificate): Promise<User> {
  return {
    'client-certificate-data': await base64Of(certificate.certificate),
    'client-key-data': await base64Of(certificate.key),
  };
}
