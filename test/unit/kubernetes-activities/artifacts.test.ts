import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ArtifactStore, createFolderStore } from '../../../src/activities/artifacts';

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
});
