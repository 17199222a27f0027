import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ArtifactStore } from '../../../src/model/artifacts';
import { createFolderStore, pruneFolder } from '../../../src/service/artifacts/folder';

describe('the folder of artifacts', () => {
  let directory: string;
  let store: ArtifactStore;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'homeostat-store-'));
    store = createFolderStore({ directory });
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('gives back what was put, by a reference that proves it', async () => {
    const reference = await store.put('heal_web/run/start/owner.yaml', 'kind: Deployment\n');
    expect(reference).toEqual({
      name: 'owner.yaml',
      uri: 'heal_web/run/start/owner.yaml',
      digest: createHash('sha256').update('kind: Deployment\n').digest('hex'),
      bytes: 17,
    });
    expect((await store.read(reference.uri)).toString()).toBe('kind: Deployment\n');
  });

  test('putting again changes nothing, and leaves no parts behind', async () => {
    const references = await Promise.all(Array.from({ length: 8 }, () => store.put('a/b', 'text')));
    expect(new Set(references.map(({ digest }) => digest)).size).toBe(1);
    expect(await readdir(path.join(directory, 'a'))).toEqual(['b']);
  });

  test('is readable by its owner only', async () => {
    await store.put('a/b', 'text');
    expect((await stat(path.join(directory, 'a', 'b'))).mode & 0o077).toBe(0);
  });

  test('cuts off what is too large, and says so', async () => {
    const reference = await store.put('log', 'x'.repeat(6 * 1024 * 1024));
    expect(reference.bytes).toBe(5 * 1024 * 1024);
    const text = (await store.read('log')).toString();
    expect(text.slice(-100)).toContain('[cut off by Homeostat: 6291456 bytes, 5242880 are kept]');
  });

  test.each(['../outside', '/etc/passwd', 'a/../../outside', '', '.', 'a\0b'])(
    'refuses the name %j',
    async (name) => {
      const refusal = { code: 'bad-input', message: expect.stringContaining('below the store') };
      await expect(store.put(name, 'x')).rejects.toMatchObject(refusal);
      await expect(store.read(name)).rejects.toMatchObject(refusal);
    },
  );

  test('says that a reference leads nowhere', async () => {
    await expect(store.read('none')).rejects.toMatchObject({ code: 'bad-input' });
  });

  test('says that a folder cannot be written', async () => {
    const file = path.join(directory, 'no-folder');
    await writeFile(file, '');
    await expect(createFolderStore({ directory: file }).put('a/b', 'x')).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('artifacts.directory'),
    });
  });

  describe('retention', () => {
    const past = new Date('2026-01-01T00:00:00Z');
    const limit = Date.parse('2026-01-02T00:00:00Z');

    test('removes what is older, and the folders that are left empty', async () => {
      await Promise.all(['old/run/a.txt', 'mixed/old.txt'].map((name) => store.put(name, 'x')));
      for (const name of ['old/run/a.txt', 'mixed/old.txt']) {
        await utimes(path.join(directory, name), past, past);
      }
      await store.put('mixed/new.txt', 'x');
      expect(await pruneFolder(directory, limit)).toBe(2);
      expect(await readdir(path.join(directory, 'mixed'))).toEqual(['new.txt']);
      // A folder whose last file has just gone is young; it goes with a later round.
      await utimes(path.join(directory, 'old', 'run'), past, past);
      expect(await pruneFolder(directory, limit)).toBe(0);
      await utimes(path.join(directory, 'old'), past, past);
      await pruneFolder(directory, limit);
      expect(await readdir(directory)).toEqual(['mixed']);
    });

    test('a folder that is not there yet has nothing to remove', async () => {
      expect(await pruneFolder(path.join(directory, 'none'), limit)).toBe(0);
    });
  });
});
