import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { Addresses } from './network';

/** Certificate and key, as files. */
export interface Certificate {
  certificate: string;
  key: string;
}

export interface Identity {
  /** File name, without extension. */
  name: string;
  /** The user Kubernetes sees. */
  user: string;
  group?: string;
  /** Names and addresses it serves at. */
  hosts?: string[];
}

const years = '3650';
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** The cluster's own authority and what it has signed; every file is made once. */
export class Certificates {
  constructor(private readonly folder: string) {}

  file(name: string): string {
    return path.join(this.folder, name);
  }

  get authority(): Certificate {
    return this.pair('ca');
  }

  /** Signs for aggregated APIs, which trust it and nothing else to name the user. */
  get frontProxyAuthority(): Certificate {
    return this.pair('front-proxy-ca');
  }

  get serviceAccountKey(): string {
    return this.file('service-accounts.key');
  }

  get serviceAccountPublicKey(): string {
    return this.file('service-accounts.pub');
  }

  pair(name: string): Certificate {
    return { certificate: this.file(`${name}.crt`), key: this.file(`${name}.key`) };
  }

  /** The authorities, the control plane's certificates and the key for service accounts' tokens. */
  async createControlPlane(addresses: Addresses): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await Promise.all([
      this.createAuthority('ca', 'homeostat lab'),
      this.createAuthority('front-proxy-ca', 'homeostat lab front proxy'),
      this.createServiceAccountKey(),
    ]);
    const { controlPlane, kubernetesService } = addresses;
    const identities: Identity[] = [
      {
        name: 'apiserver',
        user: 'kube-apiserver',
        hosts: [
          `IP:${controlPlane}`,
          `IP:${kubernetesService}`,
          'IP:127.0.0.1',
          ...['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map((n) => `DNS:${n}`),
          'DNS:kubernetes.default.svc.cluster.local',
        ],
      },
      { name: 'apiserver-kubelet', user: 'kube-apiserver-kubelet', group: 'system:masters' },
      { name: 'admin', user: 'kubernetes-admin', group: 'system:masters' },
      {
        name: 'controller-manager',
        user: 'system:kube-controller-manager',
        hosts: [`IP:${controlPlane}`],
      },
      { name: 'scheduler', user: 'system:kube-scheduler', hosts: [`IP:${controlPlane}`] },
      { name: 'proxy', user: 'system:kube-proxy' },
    ];
    await Promise.all([
      ...identities.map((identity) => this.sign(identity)),
      this.sign({ name: 'front-proxy', user: 'front-proxy-client' }, this.frontProxyAuthority),
    ]);
  }

  /** A certificate for a user, for serving too where it has hosts. */
  async sign(identity: Identity, authority = this.authority): Promise<Certificate> {
    const subject = `${identity.group ? `/O=${identity.group}` : ''}/CN=${identity.user}`;
    const usage = identity.hosts ? 'clientAuth,serverAuth' : 'clientAuth';
    return this.once(identity.name, [
      ...['-subj', subject],
      ...['-CA', authority.certificate, '-CAkey', authority.key],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
      ...['-addext', `extendedKeyUsage=${usage}`],
      ...(identity.hosts ? ['-addext', `subjectAltName=${identity.hosts.join(',')}`] : []),
    ]);
  }

  private async createAuthority(name: string, subject: string): Promise<void> {
    await this.once(name, [
      ...['-subj', `/CN=${subject}`],
      ...['-addext', 'keyUsage=critical,keyCertSign,digitalSignature'],
    ]);
  }

  /** The certificate is put in place last, so that an interrupted run leaves no pair that differs. */
  private async once(name: string, options: string[]): Promise<Certificate> {
    const pair = this.pair(name);
    if (existsSync(pair.certificate)) return pair;
    const draft = `${pair.certificate}.new`;
    const output = ['-days', years, '-keyout', pair.key, '-out', draft];
    await execa('openssl', ['req', '-x509', ...newKey, ...options, ...output]);
    await chmod(pair.key, 0o600);
    await rename(draft, pair.certificate);
    return pair;
  }

  private async createServiceAccountKey(): Promise<void> {
    if (existsSync(this.serviceAccountPublicKey)) return;
    await rm(this.serviceAccountKey, { force: true });
    await execa('openssl', ['genrsa', '-out', this.serviceAccountKey, '2048']);
    await chmod(this.serviceAccountKey, 0o600);
    const draft = `${this.serviceAccountPublicKey}.new`;
    await execa('openssl', ['rsa', '-in', this.serviceAccountKey, '-pubout', '-out', draft]);
    await rename(draft, this.serviceAccountPublicKey);
  }
}

/** A file's content as a kubeconfig holds it. */
export async function base64Of(file: string): Promise<string> {
  return (await readFile(file)).toString('base64');
}
