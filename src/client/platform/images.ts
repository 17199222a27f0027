import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { HomeostatError } from '../../model/errors';
import { cached, keyOf } from './cache';
import { staticBusybox } from './packages';
import type { Programs } from './programs';
import type { Progress } from './progress';

export interface Image {
  name: string;
  /** Puts the image's files below `root`. */
  fill: (root: string) => Promise<void>;
  entrypoint: string[];
  command?: string[];
}

/** The names every node knows, for manifests with `imagePullPolicy: Never`. */
export const imageNames = ['pause', 'busybox', 'shop', 'coredns'] as const;

/** `localhost/<name>:1` */
export const imageReference = (name: string) => `localhost/${name}:1`;

/**
 * The folder with `<name>.tar`, an OCI archive each, built from local files without a registry.
 * Only a native cluster needs coredns.
 */
export async function buildImages(
  programs: Pick<Programs, 'lab'> & Partial<Programs>,
  progress: Progress,
): Promise<string> {
  const { lab, kubernetes } = programs;
  const busybox = staticBusybox();
  if (!busybox) throw new HomeostatError('failed', 'no static busybox: install busybox-static');
  const sources = [
    busybox,
    ...[lab, kubernetes].flatMap((folder) => (folder ? [path.join(folder, 'SHA256SUMS')] : [])),
  ];
  return cached('images', await keyOf(sources, 'layout 1'), async (draft) => {
    progress('building the images');
    const program = (from: string, name: string): Image => ({
      name,
      fill: (root) => copyFile(path.join(from, name), path.join(root, name)),
      entrypoint: [`/${name}`],
    });
    const images: Image[] = [
      program(lab, 'pause'),
      program(lab, 'shop'),
      ...(kubernetes ? [program(kubernetes, 'coredns')] : []),
      {
        name: 'busybox',
        fill: (root) => fillBusybox(root, busybox),
        entrypoint: [],
        command: ['sh'],
      },
    ];
    for (const image of images) await archive(image, path.join(draft, `${image.name}.tar`));
  });
}

export async function fillBusybox(root: string, busybox: string): Promise<void> {
  const { stdout } = await execa(busybox, ['--list']);
  await Promise.all(['bin', 'tmp', 'etc', 'root'].map((folder) => mkdir(path.join(root, folder))));
  await chmod(path.join(root, 'tmp'), 0o1777);
  await copyFile(busybox, path.join(root, 'bin', 'busybox'));
  for (const applet of stdout.split('\n').filter((name) => name && name !== 'busybox')) {
    await symlink('busybox', path.join(root, 'bin', applet));
  }
  await writeFile(path.join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(path.join(root, 'etc', 'group'), 'root:x:0:\n');
}

/** Writes one image as an OCI archive: a layer, its configuration, a manifest, an index. */
export async function archive(image: Image, file: string): Promise<void> {
  const work = await mkdtemp(path.join(tmpdir(), 'homeostat-image-'));
  try {
    const root = path.join(work, 'root');
    const blobs = path.join(work, 'oci', 'blobs', 'sha256');
    await mkdir(root);
    await mkdir(blobs, { recursive: true });
    await image.fill(root);
    const layerFile = path.join(work, 'layer.tar');
    await tar(root, layerFile, ['.']);

    const store = async (content: Buffer, mediaType: string) => {
      const hex = createHash('sha256').update(content).digest('hex');
      await writeFile(path.join(blobs, hex), content);
      return { mediaType, digest: `sha256:${hex}`, size: content.length };
    };
    const json = (value: unknown) => Buffer.from(JSON.stringify(value));
    const oci = 'application/vnd.oci.image';
    const layer = await store(await readFile(layerFile), `${oci}.layer.v1.tar`);
    const config = await store(
      json({
        created: '2020-01-01T00:00:00Z',
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: {
          Env: ['PATH=/bin'],
          ...(image.entrypoint.length > 0 && { Entrypoint: image.entrypoint }),
          ...(image.command && { Cmd: image.command }),
        },
        rootfs: { type: 'layers', diff_ids: [layer.digest] },
        // One entry a layer: builders that add layers on top count them.
        history: [{ created: '2020-01-01T00:00:00Z', created_by: 'homeostat up' }],
      }),
      `${oci}.config.v1+json`,
    );
    const manifest = await store(
      json({ schemaVersion: 2, mediaType: `${oci}.manifest.v1+json`, config, layers: [layer] }),
      `${oci}.manifest.v1+json`,
    );
    const reference = imageReference(image.name);
    const annotations = {
      'io.containerd.image.name': reference,
      'org.opencontainers.image.ref.name': reference,
    };
    await writeFile(
      path.join(work, 'oci', 'index.json'),
      json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
    );
    await writeFile(path.join(work, 'oci', 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
    await tar(path.join(work, 'oci'), file, ['oci-layout', 'index.json', 'blobs']);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The same files always give the same archive. */
async function tar(folder: string, file: string, what: string[]): Promise<void> {
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
  await execa('tar', [...same, '-cf', file, '-C', folder, ...what]);
}
